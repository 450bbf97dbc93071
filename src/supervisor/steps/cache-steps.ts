// Steps of the shared cache. Each may be run again after a crash at any point.

import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { nodeOf } from '../../map/map.ts'
import { healCluster } from '../../programs/redis/cluster.ts'
import { clearServer } from '../../tiers/cache/engines/redis/scan.ts'
import { cacheSettingsOf } from '../../topology/cache-settings.ts'
import type { System } from '../system.ts'

/** Nodes of a cluster find each other by gossip, several rounds of a second. */
const formTimeoutMs = 60_000
/** A node that is down is started again by the watcher. */
const clearTimeoutMs = 60_000

export async function tuneCache({ keeper, redis }: System, id: string): Promise<void> {
  const node = keeper.node(id)
  if (!node) return
  // One that is down is started with them.
  if (node.pid !== null) await redis.tune(node)
  const settings = cacheSettingsOf(keeper.map.topology)
  await keeper.change((draft) => {
    const found = nodeOf(draft, id)
    if (found) found.settings = settings
  })
}

export async function formCluster({ keeper, secrets }: System, ids: readonly string[]): Promise<void> {
  const nodes = ids.map((id) => {
    const node = keeper.node(id)
    if (node?.busPort === undefined) throw new TenfoldError('not-found', `the map has no node ${id} of a cluster`)
    const standsBy = node.standsBy === undefined ? undefined : keeper.node(node.standsBy)
    return { address: node.address, port: node.port, busPort: node.busPort, standsBy }
  })
  await healCluster(nodes, { secrets: secrets.redis, timeoutMs: formTimeoutMs })
}

/** Values and the right to load them, not locks and counts. A replica follows its primary. */
export async function clearCache({ keeper, redis }: System, ids: readonly string[]): Promise<void> {
  const clear = async (id: string) => {
    const node = keeper.node(id)
    if (!node) return true
    using admin = await redis.admin(node)
    const isReplica = (await admin.info('replication')).get('role') === 'slave'
    if (!isReplica) await clearServer((args) => admin.command(...(args.map(String) as [string, ...string[]])))
    return true
  }
  await Promise.all(
    ids.map((id) => waitUntil(() => clear(id), { what: `an empty ${id}`, timeoutMs: clearTimeoutMs, intervalMs: 200 })),
  )
  await keeper.change((draft) => {
    delete draft.cache?.mixed
  })
}
