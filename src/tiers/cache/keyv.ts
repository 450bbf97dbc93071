// A cache of ours under Keyv (https://keyv.org, version 5), for the libraries that take a Keyv or a store of one.
//
// Keyv writes `namespace:` before its keys, tells the store its namespace, and expects `clear` to empty that one alone. It
// packs values into a text with their end, and looks at the end itself.

import type { Cache, CacheNamespace, Duration } from './contract.ts'
import { ttlMsMax } from './duration.ts'

export interface KeyvStoreOptions {
  /** Of the namespace in the cache that everything lies in. Stores with one name see the same. Default `keyv`. */
  name?: string
  /** Of what Keyv names no end for. Without it as long as there is, 24 days: a cache keeps nothing for ever. */
  ttl?: Duration
}

/** What is evicted or cannot be reached is missing, and is no error. There is no iterator: a cache is not walked over. */
export class KeyvStore {
  /** Keyv sets it. */
  namespace: string | undefined = undefined
  /** Keyv and what is built on it leave notes here. */
  readonly opts: Record<string, unknown> = {}
  readonly #cache: CacheNamespace
  readonly #ttl: Duration

  constructor(cache: Cache, { name = 'keyv', ttl = ttlMsMax }: KeyvStoreOptions = {}) {
    this.#cache = cache.namespace(name)
    this.#ttl = ttl
  }

  get(key: string): Promise<unknown> {
    return this.#cache.get(key)
  }

  /** Exactly for as long as Keyv says, so that nothing is cut off by chance. */
  set(key: string, value: unknown, ttl: Duration = this.#ttl): Promise<void> {
    return this.#cache.set(key, value, { ttl, jitter: 0 })
  }

  /** Whether there was something a moment before. */
  async delete(key: string): Promise<boolean> {
    const found = await this.#cache.get(key)
    await this.#cache.delete(key)
    return found !== undefined
  }

  async clear(): Promise<void> {
    if (this.namespace === undefined) await this.#cache.clear()
    else await this.#cache.deletePrefix(`${this.namespace}:`)
  }
}
