// Writes of many callers in one statement: while one batch is being written, the next gathers. As durable as one by one and
// ten times as fast with 64 callers, since they share a commit. The order is that of the calls, and what one call brings stays together.
//
// While the engine is away, each batch waits for it as long as a statement may wait. Whoever stands behind such a batch would
// wait for the sum of them: 20 s each, and there may be 40. So when a batch fails because nobody answered, those who have
// waited for `pendingMsMax` by then are told so, without a turn of their own: nobody waits longer than that and one statement.

import type { Clock } from '../../base/clock.ts'
import { describeError, type ErrorCode, isTenfoldError, TenfoldError } from '../../base/errors.ts'

/** Characters of JSON, in one statement: one of more would hold up the many that are small. */
const batchLengthMax = 4 * 1024 * 1024
const pendingCountMax = 20_000
const pendingLengthMax = 128 * 1024 * 1024
const pendingMsMax = 5000
/** The engine did not answer; whatever else went wrong says nothing of the next batch. */
const awayCodes: readonly ErrorCode[] = ['unavailable', 'timeout', 'outcome-unknown']

interface WriteBatchOptions<Call, Answer> {
  /** What waits, and for what, as errors say it: 'jobs', 'published'. */
  what: string
  done: string
  /** Of them in one statement. */
  batchMax: number
  /** Answers each call, in their order. */
  write(calls: Call[]): Promise<Answer[]>
}

interface Pending<Call, Answer> {
  call: Call
  count: number
  length: number
  addedAt: number
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

export class WriteBatch<Call, Answer> {
  readonly #options: WriteBatchOptions<Call, Answer>
  readonly #clock: Clock
  #pending: Pending<Call, Answer>[] = []
  /** Of what is pending. */
  #count = 0
  #length = 0
  #isWriting = false

  constructor(options: WriteBatchOptions<Call, Answer>, clock: Clock) {
    this.#options = options
    this.#clock = clock
  }

  /**
   * `count` jobs or entries of `length` characters of JSON; resolves when they are durable. @throws overloaded when too many wait
   * already; unavailable when those before it could not be written.
   */
  add(call: Call, count: number, length: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      // What comes when nothing waits is taken, whatever it weighs.
      const isFull = this.#count + count > pendingCountMax || this.#length + length > pendingLengthMax
      if (isFull && this.#pending.length > 0) throw this.#overloaded()
      this.#pending.push({ call, count, length, addedAt: this.#clock.monotonic(), resolve, reject })
      this.#count += count
      this.#length += length
      if (!this.#isWriting) void this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true
    while (this.#pending.length > 0) {
      const batch = this.#next()
      try {
        const answers = await this.#options.write(batch.map(({ call }) => call))
        for (const [i, { resolve }] of batch.entries()) resolve(answers[i] as Answer)
      } catch (error) {
        for (const { reject } of batch) reject(error)
        if (awayCodes.some((code) => isTenfoldError(error, code))) this.#refuseLate(error)
      }
    }
    this.#isWriting = false
  }

  /** None of them was sent. */
  #refuseLate(cause: unknown): void {
    const { what, done } = this.#options
    const latest = this.#clock.monotonic() - pendingMsMax
    const late = this.#pending.findIndex(({ addedAt }) => addedAt > latest)
    for (const { reject } of this.#take(late < 0 ? this.#pending.length : late))
      reject(
        new TenfoldError(
          'unavailable',
          `${what} waited more than ${pendingMsMax} ms to be ${done}, and those before them could not be: ${describeError(cause)}`,
          { cause, details: { mayBeStored: false } },
        ),
      )
  }

  /** At least one call, whatever it weighs. */
  #next(): Pending<Call, Answer>[] {
    let [calls, count, length] = [0, 0, 0]
    for (const pending of this.#pending) {
      count += pending.count
      length += pending.length
      if (calls > 0 && (count > this.#options.batchMax || length > batchLengthMax)) break
      calls++
    }
    return this.#take(calls)
  }

  #take(calls: number): Pending<Call, Answer>[] {
    const taken = this.#pending.splice(0, calls)
    for (const { count, length } of taken) {
      this.#count -= count
      this.#length -= length
    }
    return taken
  }

  #overloaded(): TenfoldError {
    const { what, done } = this.#options
    return new TenfoldError('overloaded', `${this.#count} ${what} wait to be ${done} already`)
  }
}
