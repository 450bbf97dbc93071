// The brokers of the queue: NATS servers with JetStream, alone or as one cluster as the map says.

import { type Home, logFileOf } from '../../map/home.ts'
import type { MapNode, SystemMap } from '../../map/map.ts'
import type { Secrets } from '../../map/secrets.ts'
import { stopServer } from '../../programs/directory-server.ts'
import { NatsAdmin } from '../../programs/nats/admin.ts'
import type { NatsAddress, NatsCluster, NatsSettings } from '../../programs/nats/contract.ts'
import { type NatsFiles, natsFilesOf } from '../../programs/nats/files.ts'
import { isNatsOf, natsPid, startNats, waitForNats } from '../../programs/nats/server.ts'
import type { NodeDriver } from './driver.ts'
import { dataDirOf } from './postgres-driver.ts'

/** What it has of every stream is read at the start. */
const startTimeoutMs = 60_000
/** It hands what it leads over to the others, and closes its files. */
const stopTimeoutMs = 10_000
const beatTimeoutMs = 1000

export class NatsDriver implements NodeDriver {
  readonly #home: Home
  readonly #secrets: Secrets
  readonly #map: () => SystemMap
  readonly #versions = new Map<string, string>()

  constructor(home: Home, secrets: Secrets, map: () => SystemMap) {
    this.#home = home
    this.#secrets = secrets
    this.#map = map
  }

  /** One that runs already, started by a supervisor that died before the map had its pid, is taken over. */
  async start(node: MapNode): Promise<number> {
    const { pid } = await startNats({
      files: this.#filesOf(node),
      settings: this.#settingsOf(node),
      secrets: this.#secrets.nats,
      timeoutMs: startTimeoutMs,
    })
    return pid
  }

  async waitReady(node: MapNode, pid: number, timeoutMs: number): Promise<void> {
    await waitForNats({ settings: this.#settingsOf(node), secrets: this.#secrets.nats, pid, timeoutMs })
  }

  isAlive(node: MapNode, pid: number): boolean {
    return isNatsOf(this.#filesOf(node), pid)
  }

  /** One whose cluster has no majority answers, too: nothing is won by its end. */
  async isHealthy(node: MapNode): Promise<boolean> {
    await using admin = await this.admin(node, beatTimeoutMs)
    this.#versions.set(node.id, admin.version)
    return true
  }

  /** Not before it has what the others have: who is asked to do without another must not do without this one too. */
  async isUsable(node: MapNode): Promise<boolean> {
    try {
      await using admin = await this.admin(node, beatTimeoutMs)
      return (await admin.trouble()) === undefined
    } catch {
      return false
    }
  }

  async stop(node: MapNode, pid: number): Promise<void> {
    if (this.isAlive(node, pid)) await stopServer(pid, stopTimeoutMs)
  }

  async stopLeft(node: MapNode): Promise<void> {
    const pid = natsPid(this.#filesOf(node))
    if (pid !== undefined) await stopServer(pid, stopTimeoutMs)
  }

  /** As the server said it at the last beat. */
  versionOf(id: string): string | undefined {
    return this.#versions.get(id)
  }

  /** The caller closes it. */
  admin({ address, port }: MapNode, timeoutMs?: number): Promise<NatsAdmin> {
    const secrets = this.#secrets.nats
    return NatsAdmin.connect({ address, port, secrets, ...(timeoutMs !== undefined && { timeoutMs }) })
  }

  /** Its log lies beside those of the other nodes. */
  #filesOf(node: MapNode): NatsFiles {
    return { ...natsFilesOf(dataDirOf(node)), log: logFileOf(this.#home, node.id) }
  }

  #settingsOf(node: MapNode): NatsSettings {
    const { system } = this.#map()
    const cluster = clusterOf(node, system)
    const { address, port } = node
    return { address, port, name: `${system}-${node.id.replace('/', '-')}`, ...(cluster && { cluster }) }
  }
}

function clusterOf({ busPort, peers }: MapNode, system: string): NatsCluster | undefined {
  if (busPort === undefined || peers === undefined) return undefined
  const own = peers.map((peer): NatsAddress => {
    const end = peer.lastIndexOf(':')
    return { address: peer.slice(0, end), port: Number(peer.slice(end + 1)) }
  })
  // Of two queues of one system, which are there together while one takes the place of the other, neither joins the other.
  return { name: `${system}-${own[0]?.port}`, port: busPort, peers: own }
}
