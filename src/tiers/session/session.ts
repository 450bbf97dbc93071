// Sessions by cookie, written once over any engine: made when the first field is set, saved before the answer leaves,
// given a new id with every change of who is logged in, kept alive by use.

import type { CookieKeys, SessionEngine, Sessions } from './contract.ts'
import { clearCookie, newSessionId, readCookie, type SignedCookie, writeCookie } from './cookie.ts'
import { RequestSession, type SessionChanges } from './request-session.ts'

/** A session that is only read is written when this share of its idle time is gone, not at each request. */
export const touchShare = 0.05

export interface SessionOptions {
  idleMs: number
  /** A list of keys that does not change: the first signs, all of them verify. */
  cookieKeys: CookieKeys | readonly string[]
}

export function openSessions(engine: SessionEngine, { idleMs, cookieKeys }: SessionOptions): Sessions<RequestSession> {
  const keys = 'current' in cookieKeys ? cookieKeys : fixedKeys(cookieKeys)

  async function load({ id, key }: SignedCookie): Promise<RequestSession> {
    const stored = await engine.load(id)
    return new RequestSession(stored && { ...stored, id, key })
  }

  async function loadByNewerKeys(cookieHeader: string): Promise<RequestSession> {
    const found = readCookie(cookieHeader, await keys.refresh())
    return isSigned(found) ? load(found) : new RequestSession()
  }

  function cookieFor(id: string, isSecure: boolean, maxAgeMs: number): string {
    return writeCookie(id, signingKey(keys), { isSecure, maxAgeMs })
  }

  async function store(session: RequestSession, isSecure: boolean): Promise<string | undefined> {
    const changed = session.takeChanges()
    const { id } = session
    if (changed?.isDestroyed) {
      if (id !== undefined) await engine.destroy(id)
      return clearCookie({ isSecure })
    }
    if (id !== undefined && !changed?.needsNewId) return keep(session, id, changed?.changes ?? {}, isSecure)
    if (!changed || (id === undefined && Object.keys(changed.whole).length === 0)) return undefined
    const newId = newSessionId()
    await engine.create(newId, changed.whole, idleMs)
    if (id !== undefined) await engine.destroy(id)
    return cookieFor(newId, isSecure, idleMs)
  }

  /**
   * Session and cookie end together: a change alone prolongs neither, or the cookie would end first in a browser whose
   * every request changes something, and each answer had to carry a new one.
   */
  async function keep(
    session: RequestSession,
    id: string,
    changes: SessionChanges['changes'],
    isSecure: boolean,
  ): Promise<string | undefined> {
    const leftMs = isTouchDue(session) ? idleMs : session.idleLeftMs
    if (!(await engine.merge(id, changes, leftMs)) || !isStillSigned(session)) return undefined
    return isTouchDue(session) || hasOldCookie(session) ? cookieFor(id, isSecure, leftMs) : undefined
  }

  function isTouchDue(session: RequestSession): boolean {
    return session.id !== undefined && session.idleLeftMs < idleMs * (1 - touchShare)
  }

  function hasOldCookie({ id, cookieKey }: RequestSession): boolean {
    return id !== undefined && cookieKey !== signingKey(keys)
  }

  /** Whoever made a cookie with a key that was dropped must not get a good one because a request was under way then. */
  function isStillSigned({ cookieKey }: RequestSession): boolean {
    return cookieKey !== undefined && keys.current.includes(cookieKey)
  }

  return {
    empty: () => new RequestSession(),
    open(cookieHeader) {
      const found = readCookie(cookieHeader, keys.current)
      if (found === undefined) return new RequestSession()
      return isSigned(found) ? load(found) : loadByNewerKeys(cookieHeader)
    },
    save(session, request) {
      const isSecure = request.protocol === 'https'
      if (session.hasChanges || isTouchDue(session)) return store(session, isSecure)
      // Nothing is stored for this: the session stays as it is, and its cookie no longer needs the old key.
      const { id, idleLeftMs } = session
      const isSignedAnew = id !== undefined && hasOldCookie(session) && isStillSigned(session)
      return isSignedAnew ? cookieFor(id, isSecure, idleLeftMs) : undefined
    },
  }
}

function isSigned(found: ReturnType<typeof readCookie>): found is SignedCookie {
  return typeof found === 'object'
}

function signingKey({ current: [first] }: CookieKeys): string {
  if (first !== undefined) return first
  throw new TypeError('sessions need at least one cookie key')
}

function fixedKeys(current: readonly string[]): CookieKeys {
  const keys = { current, refresh: async () => current }
  signingKey(keys)
  return keys
}
