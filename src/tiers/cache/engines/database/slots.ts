// The slot of a row of this engine, and how its statements are run there.

import type { Database, SlotDatabase } from '../../../database/contract.ts'

export interface SlotOptions {
  /** The slot of a text key, as PostgreSQL hashes it. */
  slotOf(key: string): number
  slotCount: number
}

export class CacheSlots<DB> {
  readonly count: number
  readonly #db: Database<DB>
  readonly #slotOf: SlotOptions['slotOf']

  constructor(db: Database<DB>, { slotOf, slotCount }: SlotOptions) {
    this.#db = db
    this.#slotOf = slotOf
    this.count = slotCount
  }

  /**
   * Outside of the causal scope of whoever asks: read on the primary, and nothing that its user has to see again, so that
   * a rate limit in a request does not send the user's next reads to the primary.
   */
  at<T>(key: string | number, work: (slot: SlotDatabase<DB>) => Promise<T>): Promise<T> {
    const slot = typeof key === 'number' ? key : this.#slotOf(key)
    return this.everywhere(() => work(this.#db.slot(slot)))
  }

  /** The same for what is asked of all slots. */
  everywhere<T>(work: () => Promise<T>): Promise<T> {
    const { causality } = this.#db
    return causality.run(causality.open('unknown'), work)
  }
}
