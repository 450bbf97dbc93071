// What a process works off beside requests, where it is told to: the app's jobs, and waiting writes of write-back.

import type { WriteBackTier } from '../tiers/cache/write-back/write-back.ts'
import type { QueueTier } from '../tiers/queue/queue.ts'

export class Background {
  readonly #queue: QueueTier
  readonly #writeBack: WriteBackTier

  constructor(queue: QueueTier, writeBack: WriteBackTier) {
    this.#queue = queue
    this.#writeBack = writeBack
  }

  get inFlight(): number {
    return this.#queue.inFlight + this.#writeBack.inFlight
  }

  /** May be called twice, and after stop. */
  start(): void {
    this.#queue.startWorkers()
    this.#writeBack.start()
  }

  /** Takes no more; what is not finished in time is for others. */
  async stop(drainMs: number): Promise<void> {
    await Promise.all([this.#queue.stopWorkers(drainMs), this.#writeBack.stop(drainMs)])
  }
}
