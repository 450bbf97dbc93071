// Counters: one session counts, and is told each value. Between the acknowledged ones there is room for exactly the
// unknown ones, each of which may happen once, at any time after it was sent.
//
// Worked example: ok 1, ok 2, unknown, ok 4 (the unknown one has happened), read 4. With `ok 3` in place of `ok 4` it has
// not happened yet, and may make the next value 5.

import { type FinalObject, nameOf, type Operation } from '../operation.ts'
import { type Rule, type Violation, violation } from './violation.ts'

/** `operations`: all of one counter, in the order of their beginning. */
export function checkCounter(operations: readonly Operation[], final: FinalObject): Violation[] {
  const name = nameOf(final)
  const found: Violation[] = []
  /** The last value that is certain, who said it, and how many unknown increments may still come on top. */
  let [value, unknown] = [0, 0]
  let said: Operation | undefined
  let lastWrite: Operation | undefined

  /** Takes a value that was reported; `least` is what it must be. */
  const take = (reported: number, least: number, tooLow: Rule, by: Operation | undefined) => {
    const most = least + unknown
    if (reported < least)
      found.push(violation(tooLow, `${name} is ${reported}, must be at least ${least}`, said, lastWrite, by))
    if (reported > most)
      found.push(violation('doubled', `${name} is ${reported}, can be at most ${most}`, said, lastWrite, by))
    unknown = Math.max(0, unknown - Math.max(0, reported - least))
    value = reported
    said = by
  }

  for (const operation of operations) {
    const { access, outcome, seen } = operation
    if (access === 'write' && outcome === 'unknown') unknown++
    if (outcome !== 'ok') continue
    if (access === 'write') take(seen?.value ?? 0, value + 1, 'lost', operation)
    else if ((seen?.value ?? 0) >= value) take(seen?.value ?? 0, value, 'went-back', operation)
    else {
      const rule = said?.access === 'write' ? 'own-write-missing' : 'went-back'
      found.push(violation(rule, `${name} is ${seen?.value}, was ${value} for this session`, said, operation))
    }
    if (access === 'write') lastWrite = operation
  }
  take(final.value ?? 0, value, 'lost', undefined)
  return found
}
