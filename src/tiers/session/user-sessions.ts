// The sessions of a user, listed and revoked, over any engine.

import { TenfoldError } from '../../base/errors.ts'
import type { ListedSession, SessionEngine, UserSessions } from './contract.ts'

/** Ended at the same time. */
const atOnceMax = 20
/** Whoever logs in again and again while all sessions end is not waited for for ever. */
const roundsMax = 100

export function openUserSessions(engine: SessionEngine): UserSessions {
  return {
    list: async (userId) => engine.list(checked(userId, 'a user')),
    revoke: async (id) => engine.destroy(checked(id, 'a session')),
    async revokeAll(userId, { except } = {}) {
      checked(userId, 'a user')
      let revoked = 0
      // Looked for again until there are none: a list has an end, and a session may get a new id beside this.
      for (let round = 0; round < roundsMax; round++) {
        const left = (await engine.list(userId)).filter(({ id }) => id !== except)
        if (left.length === 0) return revoked
        revoked += await endAll(engine, left)
      }
      throw new TenfoldError('conflict', `user ${userId} logs in faster than sessions end: ${revoked} were revoked`)
    },
  }
}

async function endAll(engine: SessionEngine, sessions: readonly ListedSession[]): Promise<number> {
  let ended = 0
  for (let from = 0; from < sessions.length; from += atOnceMax) {
    const some = sessions.slice(from, from + atOnceMax)
    const wereThere = await Promise.all(some.map(({ id }) => engine.destroy(id)))
    ended += wereThere.filter(Boolean).length
  }
  return ended
}

/** `undefined` of a visitor must not become the user "undefined". */
function checked(text: string, what: string): string {
  if (typeof text === 'string' && text !== '') return text
  throw new TenfoldError('bad-input', `${what} is named by a text that is not empty, got ${JSON.stringify(text)}`)
}
