// What every session engine promises: fields that were set before an answer was sent are there at the next request,
// on any web server. Writes of requests at the same time are merged field by field.

export type SessionValue =
  | string
  | number
  | boolean
  | null
  | readonly SessionValue[]
  | { readonly [key: string]: SessionValue }

/** What handlers hold as `request.session`. Changes are stored before the answer leaves. */
export interface Session {
  /** Who is logged in; the field `userId`. Setting it gives the session a new id (against fixation). */
  userId: string | undefined
  get(field: string): SessionValue | undefined
  set(field: string, value: SessionValue | undefined): void
  /** Ends the session and clears the cookie. */
  destroy(): void
}

export type SessionFields = Readonly<Record<string, SessionValue>>

/** What an engine implements. */
export interface SessionEngine {
  /** The fields, or undefined when there is no such session or it has ended. */
  load(id: string): Promise<SessionFields | undefined>
  /** Makes the session if need be; `null` removes a field; fields not named stay. */
  merge(id: string, changes: Readonly<Record<string, SessionValue | null>>, idleMs: number): Promise<void>
  destroy(id: string): Promise<void>
}
