// PostgreSQL servers, primary or replica as the map says.

import { type Home, logFileOf } from '../../map/home.ts'
import { type MapNode, nodeOf, type SystemMap } from '../../map/map.ts'
import type { Secrets } from '../../map/secrets.ts'
import { PostgresAdmin } from '../../programs/postgres/admin.ts'
import { findPostgres } from '../../programs/postgres/binaries.ts'
import { configureCluster } from '../../programs/postgres/configure.ts'
import { isServerAlive, startServer, stopServer, waitForServer } from '../../programs/postgres/server.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { NodeDriver } from './driver.ts'

const stopTimeoutMs = 20_000

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
    const dataDir = dataDirOf(node)
    const primary = this.#primaryToFollow(node)
    await configureCluster({
      dataDir,
      address: node.address,
      port: node.port,
      connectionsMax: this.#map().topology.database.connectionsMax,
      secrets: this.#secrets.postgres,
      ...(primary && {
        follow: {
          address: primary.address,
          port: primary.port,
          password: this.#secrets.postgres.replicator,
          slot: slotNameOf(node.id),
        },
      }),
    })
    const { pid } = await startServer({
      binaries: await findPostgres(),
      dataDir,
      logFile: logFileOf(this.#home, node.id),
    })
    return pid
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

  async stop(node: MapNode, pid: number): Promise<void> {
    if (this.isAlive(node, pid)) await stopServer(pid, 'fast', stopTimeoutMs)
  }

  /** A connection as superuser; the caller closes it. */
  admin(node: MapNode): Promise<PostgresAdmin> {
    return PostgresAdmin.connect({ address: node.address, port: node.port, secrets: this.#secrets.postgres })
  }

  #primaryToFollow(node: MapNode): MapNode | undefined {
    if (node.database !== 'replica') return undefined
    const shard = this.#map().shards.find((candidate) => candidate.id === node.shard)
    return shard && nodeOf(this.#map(), shard.primary)
  }
}

export function dataDirOf(node: MapNode): string {
  if (node.dataDir === undefined) throw new Error(`${node.id} has no data directory in the map`)
  return node.dataDir
}
