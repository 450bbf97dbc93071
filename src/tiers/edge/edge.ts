// The edge: a cache that many clients share, in the process of the front and before its balancer.

import type { Clock } from '../../base/clock.ts'
import type { Handler } from '../../net/http1/exchange.ts'
import { cacheName } from './cache-status.ts'
import type { Edge, EdgeReport, EdgeSettings, Purge } from './contract.ts'
import { EdgeCounts } from './counts.ts'
import { EdgeHandler } from './edge-handler.ts'
import { type EdgeParts, openParts } from './edge-parts.ts'
import { letGo } from './invalidation.ts'
import { keyOfUrl, urlOf } from './key.ts'
import { objectsMax } from './limits.ts'
import { Rules } from './rules.ts'
import { type SiblingOf, Siblings } from './siblings.ts'
import type { Store, StoreBounds } from './store/contract.ts'

export interface EdgeOptions {
  /** The edge closes it. */
  store: Store
  /** This front's id, as Cache-Status and other fronts know it. */
  node?: string
  /** Which other front owns a key. */
  sibling?: SiblingOf
  /** What fronts know each other by. Without it, what another front asks for is taken, and counted, for a client's. */
  secret?: Buffer
  /** A request with an unsafe method changed what this URL names: whoever else keeps it shall let go of it. */
  onInvalidated?: (url: string) => void
  clock?: Clock
}

export interface OpenEdge extends Edge {
  /** Answers what it may from what is kept, and asks `origin` for the rest. */
  handler(origin: Handler): Handler
  /** Another front saw that what this URL names was changed. */
  invalidate(url: string): void
}

export function openEdge(settings: EdgeSettings, options: EdgeOptions): OpenEdge {
  return new TheEdge(settings, options)
}

/** What the settings say about the store. */
export function storeBounds({ memoryBytesMax, diskBytesMax, objectBytesMax, admission }: EdgeSettings): StoreBounds {
  return { memoryBytesMax, diskBytesMax, objectBytesMax, admission, objectsMax }
}

class TheEdge implements OpenEdge {
  readonly #parts: EdgeParts
  readonly #handlers: EdgeHandler[] = []
  #closed: Promise<void> | undefined

  constructor(settings: EdgeSettings, { store, node = 'tenfold', sibling, secret, onInvalidated, clock }: EdgeOptions) {
    const siblings = sibling === undefined ? undefined : new Siblings(node, sibling, secret)
    this.#parts = openParts(settings, {
      ...{ store, counts: new EdgeCounts(siblings), cache: cacheName(node), siblings },
      onInvalidated: onInvalidated === undefined ? undefined : (key) => onInvalidated(urlOf(key)),
      ...(clock !== undefined && { clock }),
    })
  }

  handler(origin: Handler): Handler {
    const handler = new EdgeHandler(this.#parts, origin)
    this.#handlers.push(handler)
    return handler
  }

  update(settings: EdgeSettings): void {
    this.#parts.settings = settings
    this.#parts.rules = new Rules(settings.rules)
    this.#parts.store.resize(storeBounds(settings))
  }

  async purge(purge: Purge): Promise<{ objects: number }> {
    const objects = this.#parts.store.purge(purge)
    // What is on its way was asked for before: the store does not keep it, and nobody more may wait for it. Only of a URL it is
    // known at once what that is, and all else goes on being shared.
    for (const { fetches } of this.#handlers) {
      if ('url' in purge) fetches.outdate(keyOfUrl(purge.url))
      else fetches.closeAll()
    }
    return { objects }
  }

  invalidate(url: string): void {
    const fetches = this.#handlers.map((handler) => handler.fetches)
    letGo(this.#parts, fetches, keyOfUrl(url))
  }

  report(): EdgeReport {
    const { store, counts, settings } = this.#parts
    const { objects, memoryBytes, diskBytes } = store
    const { requests, bytesOut, bytesFromOrigin } = counts
    return {
      ...{ objects, memoryBytes, diskBytes, bytesOut, bytesFromOrigin },
      requests: { ...requests },
      cost: counts.cost(settings),
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    for (const { fetches } of this.#handlers)
      for (const fetch of [...fetches.all]) if (fetch.waiters.size === 0) fetch.cancel()
    this.#parts.siblings?.close()
    this.#parts.compressing.close()
    await this.#parts.store.close()
  }
}
