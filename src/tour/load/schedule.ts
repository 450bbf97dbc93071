// Arrivals of an open loop: request number i is due at start + i / rate, whatever became of the ones before it.
// Latency counts from that due time, so that a system which stalls is charged for everybody who would have come.
// Source: G. Tene, "How NOT to Measure Latency" (coordinated omission).
// Worked example: 200 a second, a stall of 1 s: 200 requests were due in it and waited 1000, 995, ... 5 ms.

import { type Clock, systemClock } from '../../base/clock.ts'

export interface Arrivals {
  ratePerSecond: number
  /** Number of the first arrival that does not come any more; the schedule ends before it. */
  countMax?: number
}

/** The due time of arrival `index`, in milliseconds after the start. */
export function dueMs(index: number, ratePerSecond: number): number {
  return (index * 1000) / ratePerSecond
}

/**
 * Calls `arrive` for every arrival with its due time on the clock's monotonic scale, never early and never skipping
 * one: when the process was late, it catches up at once. Resolves when the signal aborts or after `countMax`.
 */
export async function runArrivals(
  arrive: (dueAtMs: number) => void,
  signal: AbortSignal,
  arrivals: Arrivals,
  clock: Clock = systemClock,
): Promise<void> {
  const { ratePerSecond, countMax = Number.POSITIVE_INFINITY } = arrivals
  const startMs = clock.monotonic()
  for (let index = 0; index < countMax && !signal.aborted; index++) {
    const dueAtMs = startMs + dueMs(index, ratePerSecond)
    for (let waitMs = dueAtMs - clock.monotonic(); waitMs > 0; waitMs = dueAtMs - clock.monotonic()) {
      if (signal.aborted) return
      await clock.sleep(waitMs, signal)
    }
    if (!signal.aborted) arrive(dueAtMs)
  }
}
