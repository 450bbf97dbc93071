// How old an answer is when it comes (RFC 9111, 4.2.3), and when it was therefore born.

import { type Fields, fieldOf } from './fields.ts'
import { parseHttpDate } from './http-dates.ts'

/** As large as an age needs to be. */
const ageSecondsMax = 2 ** 31

/** The first value counts, and one that is no number is none (RFC 9111, 5.1). */
export function parseAge(text: string | undefined): number {
  if (text === undefined) return 0
  const first = (text.split(',', 1)[0] as string).trim()
  return /^\d+$/.test(first) ? Math.min(Number(first), ageSecondsMax) : 0
}

/**
 * Wall-clock milliseconds at which the age was 0.
 *
 * Example: asked at 10 s, answered at 12 s with `Age: 5` and a Date of 11 s: apparent age below 1, corrected age value
 * 5 + 2 = 7, so the greater, 7, is the age at 12 s, and the answer was born at 5 s.
 */
export function bornMsOf(fields: Fields, { askedMs, answeredMs }: { askedMs: number; answeredMs: number }): number {
  const date = dateOf(fields, answeredMs)
  // A Date names a whole second by its beginning: what has passed since its end is certain.
  const apparentMs = Math.max(0, answeredMs - date - 999)
  const correctedMs = parseAge(fieldOf(fields, 'age')) * 1000 + (answeredMs - askedMs)
  return answeredMs - Math.max(apparentMs, correctedMs)
}

/** What the answer says, or else when it came. */
export function dateOf(fields: Fields, answeredMs: number): number {
  const text = fieldOf(fields, 'date')
  return (text === undefined ? undefined : parseHttpDate(text, answeredMs)) ?? answeredMs
}
