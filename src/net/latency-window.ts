// The latency of the last few seconds: two histograms in turn, one being filled, one complete.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { type Clock, systemClock } from '../base/clock.ts'

const windowMs = 5000

export class LatencyWindow {
  readonly #clock: Clock
  #filling: RecordableHistogram = createHistogram()
  #complete: RecordableHistogram = createHistogram()
  #startMs: number

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
    this.#startMs = clock.monotonic()
  }

  record(durationMs: number): void {
    this.#turn()
    this.#filling.record(Math.max(1, Math.round(durationMs * 1000)))
  }

  /** Milliseconds that `share` of the requests took at most, over the last 5 to 10 s; undefined when there were none. */
  quantile(share: number): number | undefined {
    this.#turn()
    const histogram = this.#complete.count > 0 ? this.#complete : this.#filling
    return histogram.count > 0 ? histogram.percentile(share * 100) / 1000 : undefined
  }

  #turn(): void {
    const nowMs = this.#clock.monotonic()
    const ageMs = nowMs - this.#startMs
    if (ageMs < windowMs) return
    const free = this.#complete
    this.#complete = this.#filling
    this.#filling = free
    free.reset()
    if (ageMs >= 2 * windowMs) this.#complete.reset()
    this.#startMs = nowMs
  }
}
