// PostgreSQL servers, primary or replica as the map says.

import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { type Home, logFileOf } from '../../map/home.ts'
import { type MapNode, type MapShard, nodeOf, type Quorum, type SystemMap } from '../../map/map.ts'
import type { Secrets } from '../../map/secrets.ts'
import { PostgresAdmin } from '../../programs/postgres/admin.ts'
import { findPostgres } from '../../programs/postgres/binaries.ts'
import { type ClusterConfiguration, configureCluster } from '../../programs/postgres/configure.ts'
import { lowerFence } from '../../programs/postgres/fence.ts'
import { isServerAlive, startServer, stopServer, waitForServer } from '../../programs/postgres/server.ts'
import { Locks } from '../locks.ts'
import { slotNameOf } from '../replication-slot.ts'
import type { NodeDriver } from './driver.ts'

const stopTimeoutMs = 20_000
/** How far behind a replica that was made slow on purpose shows what it has. */
/** Of a candidate and of whoever follows it before it is the primary. */
const retryMsInChange = 10
const slowedByMs = 2000

/** What a server is configured to be, where that is not yet what the map says. */
export interface PostgresRole {
  /** A replica follows this node instead of the shard's primary. */
  follow?: MapNode
  /** Commits of the primary wait for these; null: for nobody. */
  quorum?: Quorum | null
}

/** A start that recovers from a crash says so; it is waited for as often as this. */
const recoveryPatience = 60
const startingUp = '57P03'

export class PostgresDriver implements NodeDriver {
  readonly #home: Home
  readonly #secrets: Secrets
  readonly #map: () => SystemMap
  /** One writer at a time for each node's files. */
  readonly #locks = new Locks()

  constructor(home: Home, secrets: Secrets, map: () => SystemMap) {
    this.#home = home
    this.#secrets = secrets
    this.#map = map
  }

  async start(node: MapNode): Promise<number> {
    await this.configure(node)
    // A replica takes no writes, and whoever the map names primary is it: neither needs a fence.
    await lowerFence(dataDirOf(node))
    const { pid } = await startServer({
      binaries: await findPostgres(),
      dataDir: dataDirOf(node),
      logFile: logFileOf(this.#home, node.id),
    })
    return pid
  }

  /** Writes its configuration anew, as the map has it by then; a running server takes it at its next reload. */
  async configure({ id }: MapNode, role: PostgresRole = {}): Promise<void> {
    await this.#locks.run(id, async () => {
      const node = nodeOf(this.#map(), id)
      if (!node) throw new TenfoldError('not-found', `the map has no node ${id} any more`)
      await configureCluster({
        dataDir: dataDirOf(node),
        address: node.address,
        port: node.port,
        connectionsMax: this.#map().topology.database.connectionsMax,
        secrets: this.#secrets.postgres,
        ...this.#synchronous(node, role),
        ...(node.database === 'replica' && this.#following(node, role)),
      })
    })
  }

  /** The recovery from a crash is waited for as long as the server says that it goes on. */
  async waitReady(node: MapNode, pid: number, timeoutMs: number): Promise<void> {
    const { address, port } = node
    for (let attempt = 1; ; attempt++) {
      try {
        await waitForServer({ address, port, secrets: this.#secrets.postgres, pid, timeoutMs })
        return
      } catch (error) {
        const isRecovering = isTenfoldError(error, 'timeout') && isStartingUp(error.cause)
        if (!isRecovering || attempt === recoveryPatience) throw error
      }
    }
  }

  isAlive(node: MapNode, pid: number): boolean {
    return isServerAlive(pid, dataDirOf(node))
  }

  /** One that recovers answers, too. */
  async isHealthy(node: MapNode): Promise<boolean> {
    try {
      await using admin = await this.admin(node)
      await admin.state()
    } catch (error) {
      if (!isStartingUp(error)) throw error
    }
    return true
  }

  /** A replica on an earlier timeline may show what the new primary never had. */
  async isUsable(node: MapNode): Promise<boolean> {
    try {
      await using admin = await this.admin(node)
      const { isInRecovery, timeline } = await admin.state()
      return node.database !== 'replica' || (isInRecovery && timeline === this.#shardOf(node)?.timeline)
    } catch (error) {
      if (isStartingUp(error)) return false
      throw error
    }
  }

  async stop(node: MapNode, pid: number): Promise<void> {
    if (this.isAlive(node, pid)) await stopServer(pid, 'fast', stopTimeoutMs)
  }

  /** A running server takes what `configure` wrote, a moment later. @throws the connection's own error. */
  async reload(node: MapNode): Promise<void> {
    await using admin = await this.admin(node)
    await admin.reload()
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
    return {
      follow,
      ...(node.fault === 'slow' && { applyDelayMs: slowedByMs }),
      ...((node.candidate || role.follow) && { retryMs: retryMsInChange }),
    }
  }

  /**
   * Replicas are known to their primary by the names of their slots. A replica has the list, too: it means nothing until
   * a promotion, and from then on commits wait without anybody having to notice first.
   */
  #synchronous(node: MapNode, role: PostgresRole): Partial<ClusterConfiguration> {
    const shard = this.#shardOf(node)
    const isPrimary = shard?.primary === node.id
    const standing = node.candidate && !isPrimary ? node.candidate.quorum : shard?.quorums.at(-1)
    const quorum = role.quorum !== undefined && isPrimary ? role.quorum : standing
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

function isStartingUp(error: unknown): boolean {
  return (error as { code?: string } | undefined)?.code === startingUp
}
