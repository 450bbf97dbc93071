// How long a server takes to answer, as an average that believes bad news at once and forgets it slowly.
//
// Source: Finagle's and Linkerd's load metric "peak EWMA" (github.com/twitter/finagle, PeakEwma.scala). An exponentially
// weighted moving average whose weight follows time, not the number of samples; a sample above it replaces it.
// Worked example, memory 10 s: at 5 ms, a sample of 80 ms makes it 80; one of 5 ms ten seconds later makes it
// 80 * e^-1 + 5 * (1 - e^-1) = 32.6; without a sample it would be 29.4 by then, so a server that was slow is asked again.

const memoryMs = 10_000

export class PeakEwma {
  #averageMs = 0
  #atMs = 0

  record(latencyMs: number, nowMs: number): void {
    if (latencyMs >= this.#averageMs) this.#averageMs = latencyMs
    else {
      const kept = this.#keptAt(nowMs)
      this.#averageMs = this.#averageMs * kept + latencyMs * (1 - kept)
    }
    this.#atMs = nowMs
  }

  /** 0 when nothing was recorded yet. */
  at(nowMs: number): number {
    return this.#averageMs === 0 ? 0 : this.#averageMs * this.#keptAt(nowMs)
  }

  reset(): void {
    this.#averageMs = 0
  }

  #keptAt(nowMs: number): number {
    return Math.exp(-Math.max(0, nowMs - this.#atMs) / memoryMs)
  }
}
