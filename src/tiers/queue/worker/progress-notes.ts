// How far jobs are, written to the ledger at most once a second each, many in one statement; and forgotten with the job.

import { describeError } from '../../../base/errors.ts'
import type { Payload } from '../contract.ts'
import type { WorkerContext } from './context.ts'
import type { HeldJob } from './held-job.ts'

const writeMs = 1000
const bytesMax = 16 * 1024

export class ProgressNotes {
  readonly #context: WorkerContext
  readonly #unwritten = new Map<string, number | Payload>()
  /** Jobs that have something in the ledger. */
  readonly #written = new Set<HeldJob>()
  #wroteAt = 0
  #writing: Promise<void> | undefined

  constructor(context: WorkerContext) {
    this.#context = context
  }

  note(job: HeldJob): void {
    if (!job.unwritten || !this.#context.ledger) return
    const { value } = job.unwritten
    job.unwritten = undefined
    const problem = problemOf(value)
    if (problem === undefined) {
      this.#unwritten.set(job.id, value)
      this.#written.add(job)
    } else this.#context.log.warn({ queue: job.queue, job: job.id }, `progress is not kept: ${problem}`)
  }

  /** What is due; all of it when `isLast`. Never rejects: what could not be written is written with the next. */
  write(isLast = false): Promise<void> {
    const now = this.#context.clock.monotonic()
    if (this.#writing || (this.#unwritten.size === 0 && this.#written.size === 0))
      return this.#writing ?? Promise.resolve()
    if (!isLast && now - this.#wroteAt < writeMs) return Promise.resolve()
    this.#wroteAt = now
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #write(): Promise<void> {
    const { ledger, log } = this.#context
    const over = [...this.#written].filter(({ isSettled }) => isSettled)
    for (const job of over) this.#unwritten.delete(job.id)
    const values = [...this.#unwritten].map(([id, value]) => ({ id, value }))
    try {
      if (values.length > 0) await ledger?.progress.set(values)
      for (const { id, value } of values) if (this.#unwritten.get(id) === value) this.#unwritten.delete(id)
      if (over.length > 0) await ledger?.progress.clear(over.map(({ id }) => id))
      for (const job of over) this.#written.delete(job)
    } catch (error) {
      log.warn({ err: error }, `could not write how far jobs are: ${describeError(error)}`)
    }
  }
}

/** Handlers give what they like, and whoever looks after all jobs must not fall over one of them. */
function problemOf(value: unknown): string | undefined {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    return `JSON cannot say it: ${describeError(error)}`
  }
  if (text === undefined) return `JSON cannot say it: ${String(value)}`
  return Buffer.byteLength(text) > bytesMax ? `it has more than ${bytesMax} bytes` : undefined
}
