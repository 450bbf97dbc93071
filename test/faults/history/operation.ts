// The words of a history: what clients asked for, when, and what they were told.
//
// Object: one set, counter, bank or list. Element: what a write leaves in a set, bank or list; it is the number of the
// operation that wrote it, so whatever is read names its writer. Session: one client with its cookies; it never has two
// operations under way.

/** `session`: joining, before anything else of a session. */
export type ObjectKind = 'session' | 'set' | 'counter' | 'bank' | 'list'

/**
 * ok: acknowledged. failed: it certainly did not happen (refused, or never sent). unknown: a write that may have
 * happened; a read that got no answer.
 */
export type Outcome = 'ok' | 'failed' | 'unknown'

export interface Transfer {
  from: number
  to: number
  amount: number
}

/** What an object held, as an answer said. */
export interface Seen {
  /** Of sets, banks and lists. */
  elements?: readonly number[]
  /** Of counters; a write of one is answered with it, too. */
  value?: number
  /** Of banks, by account. */
  balances?: Readonly<Record<string, number>>
}

export interface Operation {
  id: number
  session: number
  object: ObjectKind
  /** The object's name. */
  key: string
  access: 'read' | 'write'
  /** Whom it asked: the address. */
  server: string
  /** Milliseconds since 1970 on the recorder's clock, which never goes back. */
  dueMs: number
  invokedMs: number
  doneMs: number
  outcome: Outcome
  /** Why it is not ok: an error code, a status or what the transport said. */
  failure?: string
  transfer?: Transfer
  /** Carried an Idempotency-Key. */
  isKeyed?: boolean
  seen?: Seen
}

/** An object as it was found at the end, when nobody wrote any more. */
export interface FinalObject extends Seen {
  object: ObjectKind
  key: string
}

/** One object's name in maps and messages. */
export function nameOf({ object, key }: Pick<Operation, 'object' | 'key'>): string {
  return `${object} ${key}`
}
