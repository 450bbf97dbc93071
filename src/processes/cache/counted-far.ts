// The shared cache with its hits counted by name. What lies in the process's own memory never comes here, so that a hit there
// pays nothing for it.

import type { CacheEngine, Kept } from '../../tiers/cache/contract.ts'
import { CountsByName } from '../../tiers/cache/engines/memory/name-counts.ts'
import type { Change, SharedCacheEngine } from '../../tiers/cache/shared/contract.ts'
import type { FarCounts } from './report.ts'

export class CountedFar implements SharedCacheEngine {
  readonly #far: SharedCacheEngine
  readonly #counts = new CountsByName()

  readonly set: SharedCacheEngine['set']
  readonly delete: SharedCacheEngine['delete']
  readonly deleteTag: SharedCacheEngine['deleteTag']
  readonly deletePrefix: SharedCacheEngine['deletePrefix']
  readonly claim: SharedCacheEngine['claim']
  readonly extend: SharedCacheEngine['extend']
  readonly fill: SharedCacheEngine['fill']
  readonly release: SharedCacheEngine['release']
  readonly close: CacheEngine['close']
  readonly stalenessMsMax: number

  constructor(far: SharedCacheEngine) {
    this.#far = far
    this.set = far.set.bind(far)
    this.delete = far.delete.bind(far)
    this.deleteTag = far.deleteTag.bind(far)
    this.deletePrefix = far.deletePrefix.bind(far)
    this.claim = far.claim.bind(far)
    this.extend = far.extend.bind(far)
    this.fill = far.fill.bind(far)
    this.release = far.release.bind(far)
    this.close = far.close.bind(far)
    this.stalenessMsMax = far.stalenessMsMax
  }

  get coherentUntil(): number {
    return this.#far.coherentUntil
  }

  async get(key: string): Promise<Kept | undefined> {
    const kept = await this.#far.get(key)
    const counts = this.#counts.of(key)
    if (kept) counts.hits++
    else counts.misses++
    return kept
  }

  getMany(keys: readonly string[]): Promise<Array<Kept | undefined>> {
    return Promise.all(keys.map((key) => this.get(key)))
  }

  watch(listener: (change: Change) => void): () => void {
    return this.#far.watch(listener)
  }

  counts(): FarCounts[] {
    return this.#counts.all().map(({ name, hits, misses }) => ({ name, hits, misses }))
  }
}
