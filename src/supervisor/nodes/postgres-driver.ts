// PostgreSQL servers, primary or replica as the map says.

import { type Home, logFileOf } from '../../map/home.ts'
import { type MapNode, type MapShard, nodeOf, type Quorum, type SystemMap } from '../../map/map.ts'
import type { Secrets } from '../../map/secrets.ts'
import { PostgresAdmin } from '../../programs/postgres/admin.ts'
import { findPostgres } from '../../programs/postgres/binaries.ts'
import { type ClusterConfiguration, configureCluster } from '../../programs/postgres/configure.ts'
import { lowerFence } from '../../programs/postgres/fence.ts'
import { isServerAlive, startServer, stopServer, waitForServer } from '../../programs/postgres/server.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { NodeDriver } from './driver.ts'

const stopTimeoutMs = 20_000
/** How far behind a replica that was made slow on purpose shows what it has. */
const slowedByMs = 2000

/** What a server is configured to be, where that is not yet what the map says. */
export interface PostgresRole {
  /** A replica follows this node instead of the shard's primary. */
  follow?: MapNode
  /** Commits wait for these: at once on a primary, from its promotion on on a replica. Null: for nobody. */
  quorum?: Quorum | null
}

export class PostgresDriver implements NodeDriver {
  readonly #home: Home
  readonly #secrets: Secrets
  readonly #map: () => SystemMap

  constructor(home: Home, secrets: Secrets, map: () => SystemMap) {
    this.#home = home
    this.#secrets = secrets
    this.#map = map
  }

  async start(node: MapNode): Promise<number> {
    await this.configure(node)
    // A replica takes no writes, and so needs no fence.
    if (node.database === 'replica') await lowerFence(dataDirOf(node))
    const { pid } = await startServer({
      binaries: await findPostgres(),
      dataDir: dataDirOf(node),
      logFile: logFileOf(this.#home, node.id),
    })
    return pid
  }

  /** Writes its configuration anew; a running server takes it at its next reload. */
  async configure(node: MapNode, role: PostgresRole = {}): Promise<void> {
    await configureCluster({
      dataDir: dataDirOf(node),
      address: node.address,
      port: node.port,
      connectionsMax: this.#map().topology.database.connectionsMax,
      secrets: this.#secrets.postgres,
      ...this.#synchronous(node, role),
      ...(node.database === 'replica' && this.#following(node, role)),
    })
  }

  async waitReady(node: MapNode, pid: number, timeoutMs: number): Promise<void> {
    await waitForServer({ address: node.address, port: node.port, secrets: this.#secrets.postgres, pid, timeoutMs })
  }

  isAlive(node: MapNode, pid: number): boolean {
    return isServerAlive(pid, dataDirOf(node))
  }

  async isHealthy(node: MapNode): Promise<boolean> {
    await using admin = await this.admin(node)
    await admin.state()
    return true
  }

  /** A replica on an earlier timeline may show what the new primary never had. */
  async isUsable(node: MapNode): Promise<boolean> {
    if (node.database !== 'replica') return true
    await using admin = await this.admin(node)
    return (await admin.state()).timeline === this.#shardOf(node)?.timeline
  }

  async stop(node: MapNode, pid: number): Promise<void> {
    if (this.isAlive(node, pid)) await stopServer(pid, 'fast', stopTimeoutMs)
  }

  /** A connection as superuser; the caller closes it. */
  admin(node: MapNode): Promise<PostgresAdmin> {
    return PostgresAdmin.connect({ address: node.address, port: node.port, secrets: this.#secrets.postgres })
  }

  #following(node: MapNode, role: PostgresRole): Partial<ClusterConfiguration> {
    const shard = this.#shardOf(node)
    const source = role.follow ?? (shard && nodeOf(this.#map(), shard.primary))
    if (!source || node.fault === 'cut') return { follow: 'nobody' }
    const { address, port } = source
    const follow = { address, port, password: this.#secrets.postgres.replicator, slot: slotNameOf(node.id) }
    return { follow, ...(node.fault === 'slow' && { applyDelayMs: slowedByMs }) }
  }

  /** Replicas are known to their primary by the names of their slots. */
  #synchronous(node: MapNode, role: PostgresRole): Partial<ClusterConfiguration> {
    const shard = this.#shardOf(node)
    const standing = shard?.primary === node.id ? shard.quorums.at(-1) : undefined
    const quorum = role.quorum === undefined ? standing : role.quorum
    return quorum ? { synchronous: { count: quorum.count, names: quorum.names.map(slotNameOf) } } : {}
  }

  #shardOf(node: MapNode): MapShard | undefined {
    return this.#map().shards.find(({ id }) => id === node.shard)
  }
}

export function dataDirOf(node: MapNode): string {
  if (node.dataDir === undefined) throw new Error(`${node.id} has no data directory in the map`)
  return node.dataDir
}
