// Any program that listens on $PORT, as a web process (the twelve-factor app, III, VII, IX). It has no door: it is asked
// by HTTP and told by SIGTERM.

import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { systemClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import { type Home, logFileOf } from '../../map/home.ts'
import { type MapNode, type SystemMap, sharedNodesOf } from '../../map/map.ts'
import type { Secrets } from '../../map/secrets.ts'
import { webSettingsOf } from '../../topology/web-settings.ts'
import { processesOf, runsNode, signal, waitForExit } from '../pid.ts'
import type { NodeDriver } from './driver.ts'
import { endOf, tailOf, withLogFile } from './log-file.ts'

const readyPollMs = 50
const probeTimeoutMs = 2000
const stopGraceMs = 3000

export class CommandDriver implements NodeDriver {
  readonly #home: Home
  readonly #secrets: Secrets
  readonly #map: () => SystemMap
  readonly #logStarts = new Map<string, number>()

  constructor(home: Home, secrets: Secrets, map: () => SystemMap) {
    this.#home = home
    this.#secrets = secrets
    this.#map = map
  }

  async start(node: MapNode): Promise<number> {
    const existing = processesOf(this.#home, node.id)
    // Started by a supervisor that was killed before the map had the pid; or children that outlived their program.
    const stray = existing.find(({ isLeader }) => isLeader)
    if (stray) return stray.pid
    for (const { pid } of existing) signal(pid, 'SIGKILL')
    const { topology, appDir } = this.#map()
    const command = topology.web.command ?? ''
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      PORT: String(node.port),
      HOST: node.address,
      DATABASE_URL: this.#databaseUrl(),
      TENFOLD_HOME: this.#home.dir,
      TENFOLD_NODE: node.id,
    }
    delete env['LISTEN_FDS']
    this.#logStarts.set(node.id, endOf(logFileOf(this.#home, node.id)))
    return withLogFile(logFileOf(this.#home, node.id), (log) => {
      const child = spawn('/bin/sh', ['-c', `exec ${command}`], {
        cwd: appDir,
        detached: true,
        stdio: ['ignore', log, log],
        env,
      })
      child.on('error', () => {})
      child.unref()
      if (child.pid === undefined)
        throw new TenfoldError('program-failed', `\`${command}\` could not be started for ${node.id}`)
      return child.pid
    })
  }

  /** Its address is in the environment, which stays as it is while the process lives. */
  factsAtStart(): Partial<MapNode> {
    const map = this.#map()
    const [shard] = map.shards
    const settings = webSettingsOf(map.topology, sharedNodesOf(map))
    return { settings, ...(shard && { primary: shard.primary }) }
  }

  async waitReady(node: MapNode, pid: number, timeoutMs: number): Promise<void> {
    const deadline = systemClock.monotonic() + timeoutMs
    while (!(await this.isHealthy(node).catch(() => false))) {
      if (!this.isAlive(node, pid)) {
        const tail = await tailOf(logFileOf(this.#home, node.id), this.#logStarts.get(node.id))
        throw new TenfoldError('program-failed', `\`${this.#map().topology.web.command}\` (${node.id}) exited: ${tail}`)
      }
      if (systemClock.monotonic() >= deadline)
        throw new TenfoldError(
          'timeout',
          `${node.id} does not answer http://${node.address}:${node.port}${this.#map().topology.web.healthPath} with 2xx after ${timeoutMs} ms; a program must listen on $PORT (set web.healthPath to a path it has)`,
        )
      await systemClock.sleep(readyPollMs)
    }
  }

  isAlive(node: MapNode, pid: number): boolean {
    return runsNode(pid, this.#home, node.id)
  }

  async isHealthy(node: MapNode): Promise<boolean> {
    const { healthPath } = this.#map().topology.web
    if (healthPath === '') return takesConnections(node)
    const url = `http://${node.address}:${node.port}${healthPath}`
    const response = await fetch(url, { signal: AbortSignal.timeout(probeTimeoutMs) })
    await response.body?.cancel()
    return response.ok
  }

  async stop(node: MapNode, pid: number): Promise<void> {
    if (this.isAlive(node, pid)) {
      signal(pid, 'SIGTERM')
      await waitForExit(pid, this.#map().topology.web.drainMs + stopGraceMs)
    }
    // Itself when it does not heed, and the children that it left behind: they would keep the port.
    const left = processesOf(this.#home, node.id)
    if (this.isAlive(node, pid)) left.push({ pid, isLeader: true })
    for (const { pid } of left) signal(pid, 'SIGKILL')
    await Promise.all(left.map(({ pid }) => waitForExit(pid, stopGraceMs)))
  }

  #databaseUrl(): string {
    const { shards, nodes } = this.#map()
    const primary = nodes.find((node) => node.id === shards[0]?.primary)
    return `postgres://app:${this.#secrets.postgres.app}@${primary?.address}:${primary?.port}/app`
  }
}

function takesConnections({ address, port }: MapNode): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: probeTimeoutMs })
    const settle = (isOpen: boolean) => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
    socket.once('timeout', () => settle(false))
  })
}
