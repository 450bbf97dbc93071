// What a web process does for operators with the sessions of users. It is asked by the supervisor, because it can reach both
// the database and the copies of sessions in the cache.

import type { UserSessions } from '../tiers/session/contract.ts'

export type SessionRequest =
  | { kind: 'list'; userId: string }
  | { kind: 'revoke'; id: string }
  | { kind: 'revoke-all'; userId: string }

/** Of `list` the sessions, of the others how many there were. */
export interface SessionAnswer {
  sessions: SeenSession[]
  revoked: number
}

/** What an operator sees of a session: not what the app keeps in it. */
export interface SeenSession {
  id: string
  /** ISO 8601; null when it is not known. */
  createdAt: string | null
  /** It ends after this, if it is not used. */
  idleLeftMs: number
}

export async function answerSessionRequest(users: UserSessions, request: SessionRequest): Promise<SessionAnswer> {
  switch (request.kind) {
    case 'list':
      return { sessions: (await users.list(request.userId)).map(seen), revoked: 0 }
    case 'revoke':
      return { sessions: [], revoked: (await users.revoke(request.id)) ? 1 : 0 }
    case 'revoke-all':
      return { sessions: [], revoked: await users.revokeAll(request.userId) }
  }
}

function seen({ id, createdAt, idleLeftMs }: Awaited<ReturnType<UserSessions['list']>>[number]): SeenSession {
  return { id, createdAt: createdAt?.toISOString() ?? null, idleLeftMs: Math.round(idleLeftMs) }
}
