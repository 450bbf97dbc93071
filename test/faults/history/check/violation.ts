// A promise that was broken, with the operations that show it.

import type { Operation } from '../operation.ts'

export type Rule =
  | 'lost' // acknowledged, and not in the final state
  | 'doubled' // there more often than it was written
  | 'refused-but-there' // the client was told that it did not happen
  | 'phantom' // nobody wrote it
  | 'vanished' // never acknowledged, but read by somebody and then gone
  | 'from-the-future' // read before it was written
  | 'own-write-missing' // a session does not see what it wrote
  | 'went-back' // a session sees less than it saw before
  | 'reordered' // a list is not the same everywhere, or not in the order in which it was written
  | 'unbalanced' // money appeared or went
  | 'torn' // half of a transaction was seen
  | 'session-lost' // somebody who had joined is a stranger
  | 'not-read' // the final state lacks the object: nothing of it was checked

export interface Violation {
  rule: Rule
  message: string
  operations: readonly Operation[]
}

export function violation(rule: Rule, message: string, ...operations: ReadonlyArray<Operation | undefined>): Violation {
  return { rule, message, operations: operations.filter((operation) => operation !== undefined) }
}

/** For people: the rule, what happened, and each operation with its times since `startMs`. */
export function describeViolation({ rule, message, operations }: Violation, startMs: number): string {
  const lines = operations.map((operation) => `\n    ${describeOperation(operation, startMs)}`)
  return `${rule}: ${message}${lines.join('')}`
}

/** What was asked of whom, when, and how it ended. */
export function describeOperation(operation: Operation, startMs: number): string {
  const { id, session, access, object, key, server, invokedMs, doneMs, outcome, failure, isKeyed } = operation
  const at = (ms: number) => `${((ms - startMs) / 1000).toFixed(3)} s`
  const how = `${outcome}${failure === undefined ? '' : ` (${failure})`}${isKeyed ? ', with a key' : ''}`
  return `#${id} ${access} of ${object} ${key}, session ${session} at ${server}, ${at(invokedMs)} .. ${at(doneMs)}: ${how}`
}
