// Exponential backoff with full jitter.
// Source: M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
// Worked example: base 100 ms, cap 5 s, attempt 3 -> uniform in [0, min(5000, 100 * 2^3)) = [0, 800).

import type { Random } from './random.ts'

export interface Backoff {
  baseMs: number
  capMs: number
}

export function backoffMs(attempt: number, { baseMs, capMs }: Backoff, random: Random): number {
  return random.next() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30))
}
