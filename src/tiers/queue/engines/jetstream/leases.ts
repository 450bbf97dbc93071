// The jobs in this process's hands, and until when they are ours, by our own clock.
//
// The server takes a word about a job from whoever had it, also long after it handed the job to somebody else. So a word is
// said only while the lease is ours; it began here before it began on the server, and so it ends here first.

import type { Delivery } from './deliveries.ts'
import { slackMs } from './lanes.ts'

export interface Lease {
  delivery: Delivery
  id: string
  queue: string
  attempt: number
  holder: string
  /** Some word about it is kept in PostgreSQL. */
  hasNote: boolean
  /** The shard that keeps its deduplication id until it is done. */
  uniqueAt: string | undefined
  until: number
}

const tickMs = 50

export class Leases {
  readonly #held = new Map<string, Lease>()
  readonly #onEnd: (lease: Lease, isLate: boolean) => void
  #timer: NodeJS.Timeout | undefined

  /** `onEnd`: its time is over. `isLate`: for so long that the server may have handed it out again. */
  constructor(onEnd: (lease: Lease, isLate: boolean) => void) {
    this.#onEnd = onEnd
  }

  add(lease: Lease): void {
    this.#held.set(lease.delivery.reply, lease)
    this.#timer ??= setInterval(() => this.#sweep(), tickMs).unref()
  }

  /** Undefined when it is not ours any more. */
  of(home: string): Lease | undefined {
    const lease = this.#held.get(home)
    if (!lease || lease.until > performance.now()) return lease
    this.#end(lease)
    return undefined
  }

  delete(home: string): void {
    this.#held.delete(home)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#held.clear()
  }

  #sweep(): void {
    const now = performance.now()
    for (const lease of this.#held.values()) if (lease.until <= now) this.#end(lease)
    if (this.#held.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #end(lease: Lease): void {
    this.#held.delete(lease.delivery.reply)
    this.#onEnd(lease, performance.now() - lease.until >= slackMs / 2)
  }
}
