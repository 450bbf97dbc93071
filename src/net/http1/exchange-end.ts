// The end of an exchange, the same in every protocol: what is counted, and who is told.

import { type Counters, counters } from './counters.ts'
import type { Exchange, Handler } from './exchange.ts'
import { warnOfFault } from './fault.ts'

/** Once for each exchange that has begun, when its answer is out or can be none any more. */
export function endExchange(
  exchange: Exchange,
  { counts, handler }: { counts: Counters; handler: Handler },
  { status, bodyBytes, startMs }: { status: number; bodyBytes: number; startMs: number },
): void {
  counts.add(counters.requestsInFlight, -1)
  counts.add(counters.bodyBytesOut, bodyBytes)
  if (status >= 200 && status < 600) counts.add(counters.answers2xx + Math.floor(status / 100) - 2)
  const durationMs = performance.now() - startMs
  try {
    handler.finished?.({ exchange, status, durationMs, bodyBytesOut: bodyBytes })
  } catch (error) {
    warnOfFault(error) // a log that fails is no reason to fail a client
  }
}
