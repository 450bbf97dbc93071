// Keeps the log of purges as long as a file that they mean could still be found by the next process, and no longer.

import type { Purge } from '../../contract.ts'
import type { KeptHead } from '../contract.ts'
import { matches } from '../purge-history.ts'
import { type LoggedPurge, PurgeLog } from './purge-log.ts'

export class DiskPurges {
  readonly #log: PurgeLog
  /** Of an earlier process, which may not have come to removing the files. */
  readonly #left: readonly LoggedPurge[]
  readonly #whenRemoved: () => Promise<void>
  #isSettling = false
  #isClosed = false

  /** `whenRemoved` resolves when every file that was to go when it was called is gone. */
  constructor(path: string, whenRemoved: () => Promise<void>) {
    this.#log = new PurgeLog(path)
    this.#left = this.#log.purges
    this.#whenRemoved = whenRemoved
  }

  /** Of the files that the purges of an earlier process meant. */
  get newestSerial(): number {
    return this.#left.reduce((newest, { serial }) => Math.max(newest, serial), 0)
  }

  /** Throws when it cannot be written. */
  add(purge: Purge, serial: number): void {
    this.#log.add({ serial, purge })
    void this.settle()
  }

  /** What becomes of a file that an earlier process left. */
  verdict(serial: number, head: KeptHead): 'kept' | 'soft' | 'gone' {
    let verdict: 'kept' | 'soft' | 'gone' = 'kept'
    for (const { serial: before, purge } of this.#left) {
      if (serial >= before || !matches(purge, head.key, head.tags)) continue
      if (!purge.soft) return 'gone'
      verdict = 'soft'
    }
    return verdict
  }

  /** Forgets purges as their files go. Those that come meanwhile have another round. */
  async settle(): Promise<void> {
    if (this.#isSettling) return
    this.#isSettling = true
    try {
      while (this.#log.count > 0 && !this.#isClosed) {
        const count = this.#log.count
        await this.#whenRemoved()
        if (!this.#isClosed) this.#log.settle(count)
      }
    } catch {
      // A log that cannot be shortened says too much, which the next purge tries to mend.
    } finally {
      this.#isSettling = false
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#log.close()
  }
}
