// How many jobs a worker takes beyond those that it has hands for, so that none of them waits for the engine: what it will
// have begun within a moment, by what its jobs took lately. Of slow jobs that is none: another worker may be idle.
// Worked example: 4 at once that take 1 ms each: 4 / 1 ms * 50 ms = 200 ahead. At 100 ms each: 2.

const aheadMs = 50
/** What a process that dies takes an attempt from, at most. */
const aheadMax = 600
/** Weight of the newest run. */
const weight = 0.1

export class Lookahead {
  readonly #concurrency: number
  /** Moving average of what a job takes, in ms; undefined while nothing is known. */
  #runMs: number | undefined

  constructor(concurrency: number) {
    this.#concurrency = concurrency
  }

  note(runMs: number): void {
    this.#runMs = this.#runMs === undefined ? runMs : this.#runMs + (runMs - this.#runMs) * weight
  }

  get jobs(): number {
    if (this.#runMs === undefined) return 0
    return Math.min(aheadMax, Math.floor((this.#concurrency * aheadMs) / Math.max(this.#runMs, 0.001)))
  }
}
