// The cache of a process, as the map has it at its start: its own memory, and before the shared cache's nodes where there are
// some. Locks and limits lie there too, else in the database.
//
// Nodes that are down keep nobody from starting or stopping: each is tried once, and is a miss until it is back.

import type { BaseLogger } from 'pino'
import { withTimeout } from '../../base/limits.ts'
import { nodeOf, type SystemMap } from '../../map/map.ts'
import type { Secrets } from '../../map/secrets.ts'
import type { RedisAddress } from '../../programs/redis/contract.ts'
import { openCache } from '../../tiers/cache/cache.ts'
import type { Cache } from '../../tiers/cache/contract.ts'
import { openDatabaseLocks } from '../../tiers/cache/engines/database/guards.ts'
import { openMemoryCache } from '../../tiers/cache/engines/memory/engine.ts'
import { openRedisCache } from '../../tiers/cache/engines/redis/open.ts'
import type { RedisServers } from '../../tiers/cache/engines/redis/options.ts'
import type { Locks, RateLimiter, SharedCacheEngine } from '../../tiers/cache/shared/contract.ts'
import { TwoLevels } from '../../tiers/cache/shared/two-levels.ts'
import type { WriteBackTier } from '../../tiers/cache/write-back/write-back.ts'
import type { Database } from '../../tiers/database/contract.ts'
import { slotCount, slotOfText } from '../../tiers/database/hash.ts'
import { CountedFar } from './counted-far.ts'
import type { CacheReport } from './report.ts'

const depthMsMax = 500

export interface ProcessCache {
  cache: Cache
  locks: Locks
  limiter: RateLimiter
  /** Where processes share what must not lie in the memory of one. */
  shared: SharedCacheEngine | undefined
  /** Forgets locks and limits that are over, where that is not done by itself. */
  sweep(): Promise<void>
  report(): Promise<CacheReport>
  close(): Promise<void>
}

export async function openProcessCache(
  map: SystemMap,
  secrets: Secrets,
  database: Database<unknown>,
  writeBack: WriteBackTier,
  log: Pick<BaseLogger, 'error'>,
): Promise<ProcessCache> {
  const near = openMemoryCache({ bytesMax: map.topology.cache.bytesMax })
  const ofDatabase = openDatabaseLocks(database, { slotOf: slotOfText, slotCount })
  const sweep = () => ofDatabase.sweep()
  const parts = { writeBack, newest: database.causality.newest }
  const servers = serversOf(map)
  if (!servers)
    return {
      cache: openCache(near, parts),
      locks: ofDatabase.locks,
      limiter: ofDatabase.rateLimiter,
      shared: undefined,
      sweep,
      report: async () => ({ near: near.insight(), far: null, writeBack: await depthOf(writeBack) }),
      close: () => near.close(),
    }
  const onRefused = (err: Error, { address, port }: RedisAddress) =>
    log.error({ err, address, port }, `a node of the shared cache lets this process not in: ${err.message}`)
  const redis = await openRedisCache({ servers, username: 'app', password: secrets.redis.app, onRefused })
  const far = new CountedFar(redis)
  const levels = new TwoLevels(near, far)
  return {
    cache: openCache(levels, parts),
    locks: redis.locks,
    limiter: redis.rateLimiter,
    shared: far,
    sweep, // of what was left there on a rung without nodes
    report: async () => ({ near: near.insight(), far: far.counts(), writeBack: await depthOf(writeBack) }),
    close: () => levels.close(),
  }
}

/** Whoever asks for figures is not held up by a database that is away. */
async function depthOf(writeBack: WriteBackTier): Promise<CacheReport['writeBack']> {
  return withTimeout(writeBack.depth(), depthMsMax, 'the count of waiting writes').catch(() => null)
}

function serversOf(map: SystemMap): RedisServers | undefined {
  const nodes = (map.cache?.nodes ?? []).flatMap((id) => {
    const node = nodeOf(map, id)
    return node ? [{ address: node.address, port: node.port }] : []
  })
  if (nodes.length === 0) return undefined
  return { kind: map.cache?.layout === 'cluster' ? 'cluster' : 'nodes', nodes }
}
