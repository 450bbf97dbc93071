// Processes of ours: front, web and worker. They have a door, by which they are asked and told.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import { type Home, haproxyDirOf, logFileOf } from '../../map/home.ts'
import { type MapNode, type Role, type SystemMap, sharedNodesOf } from '../../map/map.ts'
import { DoorClient } from '../../processes/door/client.ts'
import { stopLeftHaproxy } from '../../programs/haproxy/left.ts'
import { frontSettingsOf } from '../../topology/front-settings.ts'
import { webSettingsOf } from '../../topology/web-settings.ts'
import type { EntrySocket } from '../entry.ts'
import { processesOf, runsNode, signal, waitForExit } from '../pid.ts'
import type { NodeDriver } from './driver.ts'
import { endOf, tailOf, withLogFile } from './log-file.ts'

const readyPollMs = 15
/** Given to a process beyond its drain time before it is killed. */
const stopGraceMs = 3000

export class ProcessDriver implements NodeDriver {
  readonly #home: Home
  readonly #entry: EntrySocket
  readonly #map: () => SystemMap
  readonly #logStarts = new Map<string, number>()

  constructor(home: Home, entry: EntrySocket, map: () => SystemMap) {
    this.#home = home
    this.#entry = entry
    this.#map = map
  }

  async start(node: MapNode): Promise<number> {
    // Started by a supervisor that was killed before the map had the pid: it may hold the port, so it is the node.
    const stray = processesOf(this.#home, node.id).find(({ isLeader }) => isLeader)
    if (stray) return stray.pid
    const env: NodeJS.ProcessEnv = { ...process.env, TENFOLD_HOME: this.#home.dir, TENFOLD_NODE: node.id }
    delete env['LISTEN_FDS']
    const sockets = node.entry ? this.#entry.descriptors(this.#map().topology.front.tls.enabled) : []
    if (sockets.length > 0) env['LISTEN_FDS'] = String(sockets.length)
    this.#logStarts.set(node.id, endOf(logFileOf(this.#home, node.id)))
    return withLogFile(logFileOf(this.#home, node.id), (log) => {
      const child = spawn(process.execPath, nodeArguments(processFileOf(node.role)), {
        detached: true,
        stdio: ['ignore', log, log, ...sockets],
        env,
      })
      child.on('error', () => {}) // seen as a process that is not alive
      child.unref()
      if (child.pid === undefined)
        throw new TenfoldError('program-failed', `${process.execPath} could not be started for ${node.id}`)
      return child.pid
    })
  }

  factsAtStart(node: MapNode): Partial<MapNode> {
    const map = this.#map()
    const { topology } = map
    const isFront = node.role === 'front'
    return { settings: isFront ? frontSettingsOf(topology) : webSettingsOf(topology, sharedNodesOf(map)) }
  }

  async waitReady(node: MapNode, pid: number, timeoutMs: number): Promise<void> {
    const door = new DoorClient(this.#home, node.id)
    const deadline = systemClock.monotonic() + timeoutMs
    for (;;) {
      const state = await door.state().catch(() => undefined)
      if (state?.isReady && state.pid === pid) return
      if (!this.isAlive(node, pid)) {
        const tail = await tailOf(logFileOf(this.#home, node.id), this.#logStarts.get(node.id))
        throw new TenfoldError('program-failed', `${node.id} could not start: ${tail}`)
      }
      if (systemClock.monotonic() >= deadline)
        throw new TenfoldError(
          'timeout',
          `${node.id} is not ready after ${timeoutMs} ms; see \`tenfold logs ${node.id}\``,
        )
      await systemClock.sleep(readyPollMs)
    }
  }

  isAlive(node: MapNode, pid: number): boolean {
    return runsNode(pid, this.#home, node.id)
  }

  async isHealthy(node: MapNode): Promise<boolean> {
    const state = await new DoorClient(this.#home, node.id).state()
    return state.node === node.id
  }

  async stop(node: MapNode, pid: number, options: { isWholeSystem: boolean }): Promise<void> {
    await this.#end(node, pid, options)
    await this.stopLeft(node)
  }

  async stopLeft(node: MapNode): Promise<void> {
    for (const { pid } of processesOf(this.#home, node.id).filter(({ isLeader }) => isLeader))
      await this.#end(node, pid, { isWholeSystem: false })
    // A front that was killed leaves its HAProxy serving for the next one, and there is none.
    if (node.role === 'front') await stopLeftHaproxy(haproxyDirOf(this.#home, node.id))
  }

  async #end(node: MapNode, pid: number, { isWholeSystem }: { isWholeSystem: boolean }): Promise<void> {
    if (!this.isAlive(node, pid)) return
    signal(pid, isWholeSystem ? 'SIGINT' : 'SIGTERM')
    if (await waitForExit(pid, this.#map().topology.web.drainMs + stopGraceMs)) return
    signal(pid, 'SIGKILL')
    await waitForExit(pid, stopGraceMs)
  }
}

/** How Node runs a file of ours: as it stands when we are run from source, built otherwise. */
export function nodeArguments(file: string): string[] {
  return file.endsWith('.ts') ? ['-C', 'source', file] : [file]
}

function processFileOf(role: Role): string {
  const here = fileURLToPath(import.meta.url)
  return fileURLToPath(new URL(`../../processes/${role}${here.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url))
}
