// What every session engine promises: fields that were set before an answer was sent are there at the next request,
// on any web server. Writes of requests at the same time are merged field by field.

/** The cookie that names a session. */
export const sessionCookieName = 'tenfold.sid'

export type SessionValue =
  | string
  | number
  | boolean
  | null
  | readonly SessionValue[]
  | { readonly [key: string]: SessionValue }

/** What handlers hold as `request.session`. Changes are stored before the answer leaves. */
export interface Session {
  /**
   * Its name in the list of its user's sessions. Undefined for a visitor of whom nothing is stored yet. It is no secret:
   * the cookie counts only with its signature.
   */
  readonly id: string | undefined
  /** Who is logged in; the field `userId`. Setting it gives the session a new id (against fixation). */
  userId: string | undefined
  get(field: string): SessionValue | undefined
  set(field: string, value: SessionValue | undefined): void
  /** Ends the session and clears the cookie. */
  destroy(): void
}

/** What the web tier holds. Answers are no promises where nothing has to be asked or stored. */
export interface Sessions<S extends Session = Session> {
  /** A session of which nothing is stored until a field is set. */
  empty(): S
  /** The session that a Cookie header names, or an empty one. */
  open(cookieHeader: string): S | Promise<S>
  /** Stores what changed; answers the Set-Cookie header that the answer must carry, if any. */
  save(session: S, request: { readonly protocol: string }): string | undefined | Promise<string | undefined>
}

export type SessionFields = Readonly<Record<string, SessionValue>>

export interface StoredSession {
  fields: SessionFields
  /** What is left of its idle time. */
  idleLeftMs: number
}

export interface ListedSession extends StoredSession {
  id: string
  /** Undefined when it is not known: it began before it was written down. */
  createdAt: Date | undefined
}

/** The sessions of users, wherever they are logged in: what apps and operators hold. All may be called twice and at once. */
export interface UserSessions {
  /** Of whoever has this `userId`; what was used last comes first. At most `sessionsListedMax`. */
  list(userId: string): Promise<ListedSession[]>
  /**
   * Ends one. It is over for every request that begins after this resolves, but for those that a replica answers which is
   * behind (database.replicaLagMsMax), or a copy that could not be told (engines/cached). False when there was none.
   */
  revoke(id: string): Promise<boolean>
  /** Ends all of a user, but `except` ("log out everywhere else"). Answers how many there were. */
  revokeAll(userId: string, options?: { except?: string | undefined }): Promise<number>
}

/** More of one user are no list that anybody reads; `revokeAll` ends them all the same. */
export const sessionsListedMax = 1000

/** Keys that sign cookies, which change while processes run. */
export interface CookieKeys {
  /** The first signs, all of them verify. There is one at least. */
  readonly current: readonly string[]
  /**
   * Looks whether there are others by now. Asked for each cookie that no key has signed: a process that was not told of a
   * new key must not take for a stranger whom another process has let in. @throws unavailable when they cannot be read.
   */
  refresh(): Promise<readonly string[]>
}

export interface LoadOptions {
  /**
   * With everything that was stored before the call, by whomever. Else what the user of this request has seen is enough,
   * which a replica or a copy may have.
   */
  isNewest?: boolean
}

/** What an engine implements. All may be called twice and at once. */
export interface SessionEngine {
  /** Undefined when there is no such session or it has ended. */
  load(id: string, options?: LoadOptions): Promise<StoredSession | undefined>
  create(id: string, fields: SessionFields, idleMs: number): Promise<void>
  /**
   * `null` as a change removes a field; fields not named stay; the idle time starts anew, also without changes.
   * False, and nothing is stored, when the session has ended: a logout is not undone by a request beside it.
   */
  merge(id: string, changes: Readonly<Record<string, SessionValue | null>>, idleMs: number): Promise<boolean>
  /** Whether there was one, that had not ended. */
  destroy(id: string): Promise<boolean>
  /** Sessions whose field `userId` is this, those first that end last; at most `sessionsListedMax`. All that were stored before. */
  list(userId: string): Promise<ListedSession[]>
  /** Removes sessions that have ended; answers how many. */
  sweep(): Promise<number>
}
