// Sessions by cookie, written once over any engine: made when the first field is set, saved before the answer leaves,
// given a new id with every change of who is logged in, kept alive by use.

import type { SessionEngine, Sessions } from './contract.ts'
import { clearCookie, newSessionId, readCookie, writeCookie } from './cookie.ts'
import { RequestSession } from './request-session.ts'

/** A session that is only read is written when this share of its idle time is gone, not at each request. */
const touchShare = 0.05

export interface SessionOptions {
  idleMs: number
  /** The first signs, all of them verify. */
  cookieKeys: readonly string[]
}

export function openSessions(engine: SessionEngine, { idleMs, cookieKeys }: SessionOptions): Sessions<RequestSession> {
  const [signingKey] = cookieKeys
  if (!signingKey) throw new TypeError('sessions need at least one cookie key')

  async function load(id: string): Promise<RequestSession> {
    const stored = await engine.load(id)
    return stored ? new RequestSession(id, stored.fields, stored.idleLeftMs) : new RequestSession()
  }

  async function store(session: RequestSession, isSecure: boolean): Promise<string | undefined> {
    const changed = session.takeChanges()
    const { id } = session
    const cookieFor = (newId: string) => writeCookie(newId, signingKey as string, { isSecure, maxAgeMs: idleMs })
    if (!changed) {
      if (id === undefined || !(await engine.merge(id, {}, idleMs))) return undefined
      return cookieFor(id)
    }
    if (changed.isDestroyed) {
      if (id !== undefined) await engine.destroy(id)
      return clearCookie({ isSecure })
    }
    if (id !== undefined && !changed.needsNewId) {
      await engine.merge(id, changed.changes, idleMs)
      return isTouchDue(session) ? cookieFor(id) : undefined
    }
    if (id === undefined && Object.keys(changed.whole).length === 0) return undefined
    const newId = newSessionId()
    await engine.create(newId, changed.whole, idleMs)
    if (id !== undefined) await engine.destroy(id)
    return cookieFor(newId)
  }

  function isTouchDue(session: RequestSession): boolean {
    return session.id !== undefined && session.idleLeftMs < idleMs * (1 - touchShare)
  }

  return {
    empty: () => new RequestSession(),
    open(cookieHeader) {
      const id = readCookie(cookieHeader, cookieKeys)
      return id === undefined ? new RequestSession() : load(id)
    },
    save(session, request) {
      return session.hasChanges || isTouchDue(session) ? store(session, request.protocol === 'https') : undefined
    },
  }
}
