// `tenfold down`: stops everything in order; data stays.

import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TenfoldError } from '../base/errors.ts'
import { readSupervisorRecord, type SupervisorRecord } from '../control/status.ts'
import { haproxyDirOf } from '../map/home.ts'
import { type MapNode, nodesOf, type SystemMap } from '../map/map.ts'
import { readMap } from '../map/store.ts'
import { stopLeftHaproxy } from '../programs/haproxy/left.ts'
import { natsFilesOf } from '../programs/nats/files.ts'
import { natsPid } from '../programs/nats/server.ts'
import { isServerAlive } from '../programs/postgres/server.ts'
import { redisFilesOf } from '../programs/redis/files.ts'
import { redisPid } from '../programs/redis/server.ts'
import { processesOf, runsNode, signal, waitForExit } from '../supervisor/pid.ts'
import type { Command, TargetSystem } from './command.ts'

const supervisorExitTimeoutMs = 10_000
const orphanExitTimeoutMs = 15_000

export const down: Command = {
  name: 'down',
  usage: '[--erase]',
  summary: 'stop everything in order; data stays, unless --erase',
  options: { erase: { type: 'boolean' } },
  async run(target, _words, values) {
    const map = await readMap(target.home.map)
    const record = await readSupervisorRecord(target.home)
    const stopped = record ? await stopBySupervisor(target, record) : await stopOrphans(target, map)
    const erased = values['erase'] === true ? await erase(target, map) : []
    const text = [
      stopped.length === 0 ? 'nothing was running' : `stopped ${stopped.join(', ')}`,
      ...erased.map((path) => `deleted ${path}`),
    ]
    target.print({ stopped, erased }, text.join('\n'))
  },
}

/** All that the system ever kept, also where its databases had to live outside of its directory. */
async function erase(target: TargetSystem, map: SystemMap): Promise<string[]> {
  const outside = [...new Set(map.nodes.flatMap((node) => (node.dataDir === undefined ? [] : [dirname(node.dataDir)])))]
  const paths = [...outside.filter((path) => !path.startsWith(target.home.dir)), target.home.doors, target.home.dir]
  for (const path of paths) await rm(path, { recursive: true, force: true })
  return paths
}

async function stopBySupervisor(target: TargetSystem, { pid }: SupervisorRecord): Promise<string[]> {
  const { stopped } = await (await target.client()).down()
  if (!(await waitForExit(pid, supervisorExitTimeoutMs)))
    throw new TenfoldError('timeout', `every node is stopped, but the supervisor (pid ${pid}) does not end; kill it`)
  return stopped
}

/** The supervisor is gone and its processes go on. SIGINT stops each as part of the whole, PostgreSQL by a fast shutdown. */
async function stopOrphans(target: TargetSystem, map: SystemMap): Promise<string[]> {
  const stopped: string[] = []
  for (const role of ['front', 'web', 'worker', 'nats', 'redis', 'postgres'] as const) {
    for (const node of nodesOf(map, role)) {
      const pids = processesLeftOf(target, node)
      for (const pid of pids) signal(pid, 'SIGINT')
      for (const pid of pids) if (!(await waitForExit(pid, orphanExitTimeoutMs))) signal(pid, 'SIGKILL')
      // One that outlived the front that had it.
      if (role === 'front') await stopLeftHaproxy(haproxyDirOf(target.home, node.id))
      if (pids.length > 0) stopped.push(node.id)
    }
  }
  return stopped
}

function processesLeftOf(target: TargetSystem, { id, role, pid, dataDir }: MapNode): number[] {
  if (role === 'redis' || role === 'nats') {
    if (dataDir === undefined) return []
    // By its directory it is known also where the supervisor was gone before it had its pid.
    const found = role === 'redis' ? redisPid(redisFilesOf(dataDir)) : natsPid(natsFilesOf(dataDir))
    return found === undefined ? [] : [found]
  }
  const pids = processesOf(target.home, id).map((process) => process.pid)
  if (pid === null || pids.includes(pid)) return pids
  // A pid of the map may be another program's by now, after the machine was started anew for example.
  const isOurs = role === 'postgres' ? isServerAlive(pid, dataDir ?? '') : runsNode(pid, target.home, id)
  return isOurs ? [...pids, pid] : pids
}
