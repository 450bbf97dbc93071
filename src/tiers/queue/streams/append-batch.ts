// Appends of many callers in one statement: while one batch is being written, the next gathers. As durable as one by one, and
// in the order of the calls.

import { TenfoldError } from '../../../base/errors.ts'
import type { Appended, NewEntry, StreamEngine } from './contract.ts'
import { appendBatchMax, appendPendingMax } from './options.ts'

interface Pending {
  entries: readonly NewEntry[]
  resolve: (appended: Appended[]) => void
  reject: (error: unknown) => void
}

export class AppendBatch {
  readonly #engine: Pick<StreamEngine, 'append'>
  #pending: Pending[] = []
  #count = 0
  #isWriting = false

  constructor(engine: Pick<StreamEngine, 'append'>) {
    this.#engine = engine
  }

  /** Resolves when the entries are durable. @throws overloaded when too many wait already. */
  add(entries: readonly NewEntry[]): Promise<Appended[]> {
    if (this.#count + entries.length > appendPendingMax && this.#count > 0)
      throw new TenfoldError('overloaded', `${this.#count} entries wait to be appended already`)
    return new Promise((resolve, reject) => {
      this.#pending.push({ entries, resolve, reject })
      this.#count += entries.length
      if (!this.#isWriting) void this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true
    while (this.#pending.length > 0) {
      const batch = this.#takeBatch()
      const entries = batch.flatMap((pending) => pending.entries)
      this.#count -= entries.length
      try {
        const appended = await this.#engine.append(entries)
        let from = 0
        for (const pending of batch) {
          pending.resolve(appended.slice(from, from + pending.entries.length))
          from += pending.entries.length
        }
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#isWriting = false
  }

  /** At least one caller's, however many they are. */
  #takeBatch(): Pending[] {
    let count = 0
    let callers = 0
    for (const { entries } of this.#pending) {
      if (callers > 0 && count + entries.length > appendBatchMax) break
      count += entries.length
      callers++
    }
    return this.#pending.splice(0, callers)
  }
}
