// The connections to one server. The one that was used last is used next (LIFO): few stay warm, the others grow old and go.
// Connections and waiters are bounded; a waiter that has waited too long is told so.

import type { Counters } from './counters.ts'
import { counters } from './counters.ts'
import { defaultUpstreamLimits, type UpstreamLimits } from './limits.ts'
import { Deadline, type DeadlineOwner, type TimerWheel } from './timer-wheel.ts'
import { type PoolContext, type ServerAddress, UpstreamConnection, type UpstreamUser } from './upstream-connection.ts'

interface Waiter {
  user: UpstreamUser
  sinceMs: number
}

export class UpstreamPool implements PoolContext, DeadlineOwner {
  readonly server: ServerAddress
  readonly limits: UpstreamLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
  readonly #idle: UpstreamConnection[] = []
  readonly #open = new Set<UpstreamConnection>()
  readonly #waiters: Waiter[] = []
  readonly #deadline = new Deadline(this)
  #isClosed = false

  constructor(
    server: ServerAddress,
    { limits, wheel, counts }: { limits?: Partial<UpstreamLimits>; wheel: TimerWheel; counts: Counters },
  ) {
    this.server = server
    this.limits = { ...defaultUpstreamLimits, ...limits }
    this.wheel = wheel
    this.counts = counts
  }

  get size(): number {
    return this.#open.size
  }

  get idle(): number {
    return this.#idle.length
  }

  get waiting(): number {
    return this.#waiters.length
  }

  /**
   * A connection for this user: an idle one can be used at once, a new one when it calls `onReady`. Waiting: there will be
   * an `onReady`, or an `onFailure`. Full: nobody more may wait. `isFresh`: an idle one will not do.
   */
  acquire(user: UpstreamUser, { isFresh = false } = {}): UpstreamConnection | 'waiting' | 'full' {
    if (!isFresh) {
      const connection = this.#idle.pop()
      if (connection !== undefined) {
        connection.user = user
        this.counts.add(counters.upstreamReuses)
        return connection
      }
    }
    if (this.#open.size < this.limits.connectionsMax) return this.#connect(user)
    if (this.#waiters.length >= this.limits.waitersMax) return 'full'
    if (this.#waiters.length === 0) this.wheel.set(this.#deadline, this.limits.waitTimeoutMs)
    this.#waiters.push({ user, sinceMs: this.wheel.nowMs })
    return 'waiting'
  }

  /** A user that waits no more. */
  leave(user: UpstreamUser): void {
    const index = this.#waiters.findIndex((waiter) => waiter.user === user)
    if (index >= 0) this.#waiters.splice(index, 1)
    // A connection may be on its way to it already.
    else for (const connection of this.#open) if (connection.user === user) connection.close()
  }

  /** Idle connections end now, the others with their answers. Requests can still be made. May be called twice. */
  drain(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
    this.#isClosed = true
  }

  /** Ends everything now. */
  destroy(): void {
    this.drain()
    for (const { user } of this.#waiters.splice(0)) user.onFailure(full('the pool was closed'))
    for (const connection of this.#open) connection.onError(new Error('the pool was closed'))
    this.wheel.remove(this.#deadline)
  }

  free(connection: UpstreamConnection): void {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) {
      if (this.#isClosed) connection.close()
      else this.#idle.push(connection)
      return
    }
    connection.user = waiter.user
    this.counts.add(counters.upstreamReuses)
    waiter.user.onReady(connection)
  }

  closed(connection: UpstreamConnection): void {
    this.#open.delete(connection)
    const index = this.#idle.lastIndexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
    const waiter = this.#waiters.shift()
    if (waiter !== undefined) this.#connect(waiter.user)
  }

  onDeadline(): void {
    const oldestMs = this.wheel.nowMs - this.limits.waitTimeoutMs
    while ((this.#waiters[0]?.sinceMs ?? Number.POSITIVE_INFINITY) <= oldestMs)
      this.#waiters.shift()?.user.onFailure(full('no connection became free in time'))
    const [next] = this.#waiters
    if (next !== undefined) this.wheel.set(this.#deadline, Math.max(0, next.sinceMs - oldestMs))
  }

  #connect(user: UpstreamUser): UpstreamConnection {
    const connection = new UpstreamConnection(this, user)
    this.#open.add(connection)
    this.counts.add(counters.upstreamConnects)
    return connection
  }
}

function full(reason: string) {
  return { kind: 'full', wasSent: false, reason } as const
}
