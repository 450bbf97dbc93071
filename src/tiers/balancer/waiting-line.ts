// Who waits until a server has room: first come, first served, bounded in number and in time. Waiting a little costs less
// than being turned away; waiting long only delays the same answer, and the work that piles up behind it.

import { Deadline, type DeadlineOwner, type TimerWheel } from '../../net/http1/timer-wheel.ts'

export interface Waiter {
  /** There is room. It may join again when there turns out to be none for it. */
  proceed(): void
  /** It has waited too long. */
  giveUp(): void
}

export interface LineLimits {
  queueMax: number
  queueTimeoutMs: number
}

export class WaitingLine<Key> implements DeadlineOwner {
  readonly #wheel: TimerWheel
  readonly #limits: () => LineLimits
  readonly #deadline = new Deadline(this)
  /** In the order of their coming. */
  readonly #waiters = new Map<Key, { waiter: Waiter; untilMs: number }>()
  #isServing = false

  constructor(wheel: TimerWheel, limits: () => LineLimits) {
    this.#wheel = wheel
    this.#limits = limits
  }

  get length(): number {
    return this.#waiters.size
  }

  /** False when nobody more may wait. */
  join(key: Key, waiter: Waiter): boolean {
    const { queueMax, queueTimeoutMs } = this.#limits()
    if (this.#waiters.size >= queueMax) return false
    if (this.#waiters.size === 0) this.#wheel.set(this.#deadline, queueTimeoutMs)
    this.#waiters.set(key, { waiter, untilMs: this.#wheel.nowMs + queueTimeoutMs })
    return true
  }

  leave(key: Key): void {
    this.#waiters.delete(key)
    if (this.#waiters.size === 0) this.#wheel.remove(this.#deadline)
  }

  /** Calls those in front as long as there is room; not at once, so that whoever made the room can finish first. */
  serve(hasRoom: () => boolean): void {
    if (this.#isServing || this.#waiters.size === 0) return
    this.#isServing = true
    process.nextTick(() => {
      this.#isServing = false
      for (let left = this.#waiters.size; left > 0 && hasRoom(); left--) this.#takeFirst()?.proceed()
    })
  }

  /** Nobody will have room any more. */
  close(): void {
    for (let left = this.#waiters.size; left > 0; left--) this.#takeFirst()?.giveUp()
  }

  onDeadline(): void {
    const nowMs = this.#wheel.nowMs
    for (;;) {
      const [first] = this.#waiters.values()
      if (first === undefined) return
      if (first.untilMs > nowMs) {
        this.#wheel.set(this.#deadline, first.untilMs - nowMs)
        return
      }
      this.#takeFirst()?.giveUp()
    }
  }

  #takeFirst(): Waiter | undefined {
    for (const [key, { waiter }] of this.#waiters) {
      this.leave(key)
      return waiter
    }
    return undefined
  }
}
