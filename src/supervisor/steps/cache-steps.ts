// Steps of the shared cache. Each may be run again after a crash at any point. A node that dies under one is started again by
// the watcher, and is waited for.

import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { nodeOf } from '../../map/map.ts'
import { healCluster } from '../../programs/redis/cluster.ts'
import { clearServer } from '../../tiers/cache/engines/redis/scan.ts'
import { cacheSettingsOf } from '../../topology/cache-settings.ts'
import type { System } from '../system.ts'

const timeoutMs = 60_000
const intervalMs = 200
/** Nodes of a cluster find each other by gossip, several rounds of a second. */
const formAttemptMs = 20_000

type CacheSystem = Pick<System, 'keeper' | 'redis' | 'secrets' | 'stopping'>

export async function tuneCache({ keeper, redis, stopping }: CacheSystem, id: string): Promise<void> {
  const tune = async () => {
    const node = keeper.node(id)
    // One that is down is started with them.
    if (node && node.pid !== null) await redis.tune(node)
    return true
  }
  await waitUntil(tune, { what: `the new settings of ${id}`, timeoutMs, intervalMs, signal: stopping() })
  const settings = cacheSettingsOf(keeper.map.topology)
  await keeper.change((draft) => {
    const found = nodeOf(draft, id)
    if (found) found.settings = settings
  })
}

export async function formCluster({ keeper, secrets, stopping }: CacheSystem, ids: readonly string[]): Promise<void> {
  const nodes = ids.map((id) => {
    const node = keeper.node(id)
    if (node?.busPort === undefined) throw new TenfoldError('not-found', `the map has no node ${id} of a cluster`)
    const standsBy = node.standsBy === undefined ? undefined : keeper.node(node.standsBy)
    return { address: node.address, port: node.port, busPort: node.busPort, standsBy }
  })
  const form = async () => {
    await healCluster(nodes, { secrets: secrets.redis, timeoutMs: formAttemptMs })
    return true
  }
  await waitUntil(form, { what: `one cluster of ${ids.join(', ')}`, timeoutMs, intervalMs, signal: stopping() })
}

/** Values and the right to load them, not locks and counts. A replica follows its primary. */
export async function clearCache({ keeper, redis, stopping }: CacheSystem, ids: readonly string[]): Promise<void> {
  const clear = async (id: string) => {
    const node = keeper.node(id)
    if (!node) return true
    using admin = await redis.admin(node)
    const isReplica = (await admin.info('replication')).get('role') === 'slave'
    if (!isReplica) await clearServer((args) => admin.command(...(args.map(String) as [string, ...string[]])))
    return true
  }
  const signal = stopping()
  await Promise.all(
    ids.map((id) => waitUntil(() => clear(id), { what: `an empty ${id}`, timeoutMs, intervalMs, signal })),
  )
  await keeper.change((draft) => {
    delete draft.cache?.mixed
  })
}
