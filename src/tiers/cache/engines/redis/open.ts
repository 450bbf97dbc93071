// Opens the redis engine: servers, the cache over them, word of changes, locks and limits.

import { TenfoldError } from '../../../../base/errors.ts'
import type { Change, Locks, RateLimiter, SharedCacheEngine } from '../../shared/contract.ts'
import { Cluster } from './cluster.ts'
import { limitsOf, RedisCache } from './engine.ts'
import { defaultPrefix, KeyNames } from './keys.ts'
import { RedisLocks } from './lock.ts'
import { Nodes } from './nodes.ts'
import type { RedisCacheOptions } from './options.ts'
import { RedisRateLimiter } from './rate-limit.ts'
import { openBySentinels } from './sentinel.ts'
import type { Servers } from './servers.ts'
import { stalenessMsMax } from './watch.ts'

export type RedisSharedCache = SharedCacheEngine & { locks: Locks; rateLimiter: RateLimiter }

/**
 * Resolves when every server was tried once: one that is down is no error, then and later. @throws program-missing without
 * the client, bad-input.
 */
export async function openRedisCache(options: RedisCacheOptions): Promise<RedisSharedCache> {
  const names = new KeyNames(options.prefix ?? defaultPrefix)
  const limits = limitsOf(options)
  const listeners = new Set<(change: Change) => void>()
  const tell = (change: Change) => {
    for (const listener of listeners) listener(change)
  }
  const servers = await openServers(options, names, tell)
  const cache = new RedisCache(servers, names, limits)
  return {
    get: (key) => cache.get(key),
    getMany: (keys) => cache.getMany(keys),
    set: (key, kept, keepMs) => cache.set(key, kept, keepMs),
    delete: (key) => cache.delete(key),
    deleteTag: (tag) => cache.deleteTag(tag),
    deletePrefix: (prefix) => cache.deletePrefix(prefix),
    claim: (key, claimOptions) => cache.claim(key, claimOptions),
    extend: (lease, leaseMs) => cache.extend(lease, leaseMs),
    fill: (lease, kept, keepMs, fillOptions) => cache.fill(lease, kept, keepMs, fillOptions),
    release: (lease) => cache.release(lease),
    watch(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get coherentUntil() {
      return servers.coherentUntil
    },
    stalenessMsMax,
    locks: new RedisLocks(servers, names),
    rateLimiter: new RedisRateLimiter(servers, names),
    async close() {
      await servers.close()
      listeners.clear()
    },
  }
}

async function openServers(
  options: RedisCacheOptions,
  names: KeyNames,
  tell: (change: Change) => void,
): Promise<Servers> {
  const { servers, username, password, onRefused } = options
  const shared = { username, password, names, limits: limitsOf(options), tell, ...(onRefused && { onRefused }) }
  const nodes = servers.kind === 'sentinel' ? servers.sentinels : servers.nodes
  if (nodes.length === 0) throw new TenfoldError('bad-input', 'a redis cache needs at least one server')
  if (servers.kind === 'nodes') return Nodes.open({ ...shared, nodes })
  if (servers.kind === 'cluster') return Cluster.open({ ...shared, nodes })
  return openBySentinels({ ...shared, ...servers })
}
