// Appends of many callers in one statement, in the order of their calls.

import type { Clock } from '../../../base/clock.ts'
import { WriteBatch } from '../write-batch.ts'
import type { Appended, NewEntry, StreamEngine } from './contract.ts'
import { appendBatchMax } from './options.ts'

export class AppendBatch {
  readonly #batch: WriteBatch<readonly NewEntry[], Appended[]>

  constructor(engine: Pick<StreamEngine, 'append'>, clock: Clock) {
    this.#batch = new WriteBatch(
      {
        what: 'entries',
        done: 'appended',
        batchMax: appendBatchMax,
        async write(calls) {
          const appended = await engine.append(calls.flat())
          let end = 0
          return calls.map(({ length }) => {
            end += length
            return appended.slice(end - length, end)
          })
        },
      },
      clock,
    )
  }

  /**
   * Resolves when the entries are durable. @throws overloaded when too many wait already; unavailable when those before them could
   * not be appended.
   */
  add(entries: readonly NewEntry[]): Promise<Appended[]> {
    let length = 0
    for (const { body } of entries) length += body.length
    return this.#batch.add(entries, entries.length, length)
  }
}
