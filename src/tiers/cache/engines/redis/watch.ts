// Word of changes, from the server itself: client-side caching in broadcasting mode (CLIENT TRACKING ON BCAST, RESP3;
// https://redis.io/docs/latest/develop/reference/client-side-caching/). It tells of writes, deletions, expiry and eviction
// alike, whoever caused them, and no writer can forget to tell.
//
// The connection keeps the order, so that a gap is either the end of the connection, which is seen at once, or a server
// that cannot be heard, which a ping finds out: when its answer comes, all word from before it was sent has come too. So
// from each answer on, what we hold is not older than the ping.

import { systemClock } from '../../../../base/clock.ts'
import type { Change } from '../../shared/contract.ts'
import type { KeyNames } from './keys.ts'
import { type LinkOptions, RedisLink } from './link.ts'

/** Several pings may be late before what is held must not be used. */
export const stalenessMsMax = 1000
const pingMs = 200
/** After this without an answer the connection is given up. */
const pingMsMax = 500

export class Watch {
  readonly #closing = new AbortController()
  #link: RedisLink | undefined
  #pinging: Promise<void> = Promise.resolve()
  #heardAt = Number.NEGATIVE_INFINITY

  /** `hearDebts`: there is something new in the stream of debts, or may be. Left out where there is no such stream. */
  static async open(
    options: LinkOptions,
    names: KeyNames,
    tell: (change: Change) => void,
    hearDebts?: () => void,
  ): Promise<Watch> {
    const watch = new Watch()
    watch.#link = await RedisLink.open({
      ...options,
      limits: { ...options.limits, callMsMax: pingMsMax, hangMsMax: pingMsMax },
      async prepare(send) {
        const starts = hearDebts ? [...names.watched, names.debts] : names.watched
        const prefixes = starts.flatMap((start) => ['PREFIX', start])
        // The client turns the other mode on by itself, in which the server remembers what each client has read.
        await send(['CLIENT', 'TRACKING', 'OFF'])
        await send(['CLIENT', 'TRACKING', 'ON', 'BCAST', ...prefixes])
        watch.#heardAt = systemClock.monotonic()
        // What changed before this connection is not known.
        tell({ kind: 'all' })
        hearDebts?.()
      },
      onInvalidate(name) {
        if (name === null || String(name) === names.debts) hearDebts?.()
        const change = name === null ? ({ kind: 'all' } as const) : names.meaningOf(String(name))
        if (change) tell(change)
      },
      onDown() {
        watch.#heardAt = Number.NEGATIVE_INFINITY
        tell({ kind: 'all' })
      },
    })
    watch.#pinging = watch.#keepPinging(watch.#link)
    return watch
  }

  /** See SharedCacheEngine. */
  get coherentUntil(): number {
    return this.#heardAt + stalenessMsMax
  }

  get isUp(): boolean {
    return this.#link?.isUp ?? false
  }

  /** Elsewhere, perhaps. */
  reconnect(): void {
    this.#link?.reconnect()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#heardAt = Number.NEGATIVE_INFINITY
    await this.#link?.close()
    await this.#pinging
  }

  async #keepPinging(link: RedisLink): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const sentAt = systemClock.monotonic()
      const wasUp = link.isUp
      if (wasUp) {
        const isHeard = await link.send(['PING']).then(
          () => true,
          () => false,
        )
        if (isHeard && link.isUp && !signal.aborted) this.#heardAt = Math.max(this.#heardAt, sentAt)
      }
      await systemClock.sleep(pingMs, signal)
    }
  }
}
