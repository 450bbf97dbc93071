// The nodes of the shared cache: Redis servers, plain ones or those of a Redis Cluster as the map says.

import { TenfoldError } from '../../base/errors.ts'
import { type Home, logFileOf } from '../../map/home.ts'
import { type MapNode, nodeOf, type SystemMap } from '../../map/map.ts'
import type { Secrets } from '../../map/secrets.ts'
import { stopServer } from '../../programs/directory-server.ts'
import { RedisAdmin } from '../../programs/redis/admin.ts'
import type { RedisSettings } from '../../programs/redis/contract.ts'
import { takeOver } from '../../programs/redis/failover.ts'
import { forgetKept, type RedisFiles, redisFilesOf } from '../../programs/redis/files.ts'
import { isRedisOf, redisPid, startRedis, waitForRedis } from '../../programs/redis/server.ts'
import { cacheSettingsOf } from '../../topology/cache-settings.ts'
import type { NodeDriver } from './driver.ts'
import { dataDirOf } from './postgres-driver.ts'

/** A log of writes is read at the start, which takes as long as it is. */
const startTimeoutMs = 60_000
/** What it writes to disk at its end is its log of writes, if it has one. */
const stopTimeoutMs = 5000
const beatTimeoutMs = 1000
/** Its votes are there in some milliseconds, or not at all while most of the cluster is down. */
const takeOverTimeoutMs = 3000

export class RedisDriver implements NodeDriver {
  readonly #home: Home
  readonly #secrets: Secrets
  readonly #map: () => SystemMap

  constructor(home: Home, secrets: Secrets, map: () => SystemMap) {
    this.#home = home
    this.#secrets = secrets
    this.#map = map
  }

  /** One that runs already, started by a supervisor that died before the map had its pid, is taken over. */
  async start(node: MapNode): Promise<number> {
    await this.#leaveToHeirs(node)
    const { pid } = await startRedis({
      files: this.filesOf(node),
      settings: this.#settingsOf(node),
      secrets: this.#secrets.redis,
      timeoutMs: startTimeoutMs,
    })
    return pid
  }

  factsAtStart(): Partial<MapNode> {
    return { settings: cacheSettingsOf(this.#map().topology) }
  }

  async waitReady(node: MapNode, pid: number, timeoutMs: number): Promise<void> {
    await waitForRedis({ settings: this.#settingsOf(node), secrets: this.#secrets.redis, pid, timeoutMs })
  }

  isAlive(node: MapNode, pid: number): boolean {
    return isRedisOf(this.filesOf(node), pid)
  }

  async isHealthy(node: MapNode): Promise<boolean> {
    using admin = await this.admin(node, beatTimeoutMs)
    return (await admin.command('PING')) === 'PONG'
  }

  async stop(node: MapNode, pid: number): Promise<void> {
    if (this.isAlive(node, pid)) await stopServer(pid, stopTimeoutMs)
  }

  async stopLeft(node: MapNode): Promise<void> {
    const pid = redisPid(this.filesOf(node))
    if (pid !== undefined) await stopServer(pid, stopTimeoutMs)
  }

  /** A server that runs takes what the topology says now, and keeps its values but for those that have no room. */
  async tune({ id }: MapNode): Promise<void> {
    const node = nodeOf(this.#map(), id)
    if (!node) throw new TenfoldError('not-found', `the map has no node ${id} any more`)
    const { memory, persistence } = this.#settingsOf(node)
    using admin = await this.admin(node)
    await admin.command('CONFIG', 'SET', 'maxmemory-policy', memory.whenFull)
    await admin.command('CONFIG', 'SET', 'maxmemory', memory.bytesMax)
    await admin.command('CONFIG', 'SET', 'appendonly', persistence === 'aof' ? 'yes' : 'no')
    if (persistence === 'off') await forgetKept(this.filesOf(node))
  }

  /** The caller closes it. */
  admin({ address, port }: MapNode, timeoutMs?: number): Promise<RedisAdmin> {
    return RedisAdmin.connect({
      address,
      port,
      secrets: this.#secrets.redis,
      ...(timeoutMs !== undefined && { timeoutMs }),
    })
  }

  /** Its log lies beside those of the other nodes. */
  filesOf(node: MapNode): RedisFiles {
    return { ...redisFilesOf(dataDirOf(node)), log: logFileOf(this.#home, node.id) }
  }

  /** Without them it starts all the same: then what it had is lost, which a cache may. */
  async #leaveToHeirs(node: MapNode): Promise<void> {
    const { topology, nodes } = this.#map()
    const isEmpty = topology.cache.persistence === 'off' && redisPid(this.filesOf(node)) === undefined
    const heirs = isEmpty ? nodes.filter(({ id, standsBy }) => id === node.standsBy || standsBy === node.id) : []
    for (const heir of heirs.filter(({ pid }) => pid !== null)) {
      try {
        using admin = await this.admin(heir, beatTimeoutMs)
        await takeOver(admin, node, takeOverTimeoutMs)
      } catch {}
    }
  }

  #settingsOf({ address, port, busPort }: MapNode): RedisSettings {
    const { nodeBytesMax, whenFull, persistence } = this.#map().topology.cache
    return {
      address,
      port,
      memory: { bytesMax: nodeBytesMax, whenFull },
      persistence,
      ...(busPort !== undefined && { cluster: { busPort } }),
    }
  }
}
