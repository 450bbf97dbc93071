// `tenfold up`: starts the system of an app, or adopts what runs; then follows it until Ctrl-C, or leaves it alone.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../base/clock.ts'
import { TenfoldError } from '../base/errors.ts'
import { waitUntil } from '../base/limits.ts'
import type { Status } from '../control/api.ts'
import type { ControlClient } from '../control/client.ts'
import { readSupervisorRecord } from '../control/status.ts'
import { haproxyDirOf, logFileOf } from '../map/home.ts'
import { nodesOf, type SystemMap } from '../map/map.ts'
import { readMapIfAny } from '../map/store.ts'
import { DoorClient } from '../processes/door/client.ts'
import { stopLeftHaproxy } from '../programs/haproxy/left.ts'
import { isProcessAlive } from '../programs/process.ts'
import { endOf, tailOf, withLogFile } from '../supervisor/nodes/log-file.ts'
import { nodeArguments } from '../supervisor/nodes/process-driver.ts'
import { processesOf, runsNode } from '../supervisor/pid.ts'
import { resolveTopology } from '../topology/topology.ts'
import { type Command, type TargetSystem, wholeNumber } from './command.ts'
import { followClimb, showEvent } from './progress.ts'
import { readTopologyFile } from './topology-file.ts'

const answerTimeoutMs = 15_000
const readyTimeoutMs = 300_000
/** How long another supervisor, which has the control port, may take from there to its record. */
const otherStartMs = 1500

export const up: Command = {
  name: 'up',
  usage: '[--app DIR] [--rung N] [--detach]',
  summary: 'start the system, or adopt what runs',
  options: { rung: { type: 'string' }, detach: { type: 'boolean' } },
  async run(target, _words, values) {
    const rung = values['rung'] === undefined ? undefined : wholeNumber(String(values['rung']), '--rung')
    const client = await ensureSupervisor(target, rung)
    let status = await waitReady(client)
    if (rung !== undefined && status.rung !== rung) {
      await client.apply({ rung })
      status = await followClimb(client, target, readyTimeoutMs)
    }
    target.print(status, `app ${status.urls.app}  dashboard ${status.urls.dashboard}`)
    if (values['detach'] !== true) await follow(client, target)
  },
}

/** Waits for the first start or the adoption. When a first start fails, nothing is left running. */
async function waitReady(client: ControlClient): Promise<Status> {
  try {
    return await client.waitIdle({ timeoutMs: readyTimeoutMs })
  } catch (error) {
    const status = await client.status().catch(() => undefined)
    if (status?.rung === 0) await client.down().catch(() => {})
    else if (status) return status
    throw error
  }
}

/** A client of the supervisor that runs, or of one that is started now. */
async function ensureSupervisor(target: TargetSystem, rung: number | undefined): Promise<ControlClient> {
  const running = await target.client().catch(() => undefined)
  if (running && (await running.status().catch(() => undefined))) return running

  const map = await readMapIfAny(target.home.map)
  const args = await supervisorArguments(target, map, rung)
  await mkdir(target.home.logs, { recursive: true })
  const logStart = endOf(logFileOf(target.home, 'supervisor'))
  const pid = (map && (await startByEntryHolder(target, map, args))) ?? (await startAlone(target, map, args))
  let aliveAtMs = systemClock.monotonic()
  const hasAnswered = await waitUntil(
    async () => {
      const record = await readSupervisorRecord(target.home)
      if (record !== undefined && (await (await target.client()).status())) return 'yes'
      // Another `tenfold up` may have been quicker: then ours ends, and theirs is about to answer.
      if (isProcessAlive(pid)) aliveAtMs = systemClock.monotonic()
      return systemClock.monotonic() - aliveAtMs > otherStartMs ? 'no' : undefined
    },
    { what: 'the supervisor', timeoutMs: answerTimeoutMs, intervalMs: 25 },
  )
  if (hasAnswered === 'no')
    throw new TenfoldError('program-failed', await tailOf(logFileOf(target.home, 'supervisor'), logStart))
  return target.client()
}

async function supervisorArguments(
  target: TargetSystem,
  map: SystemMap | undefined,
  rung: number | undefined,
): Promise<string[]> {
  const file = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? './supervisor-process.ts' : './supervisor-process.js', import.meta.url),
  )
  const args = [...nodeArguments(file), '--home', target.home.dir]
  if (map && map.rung > 0) return args
  const topologyFile = ['topology.ts', 'topology.json']
    .map((name) => join(target.appDir, name))
    .find((path) => existsSync(path))
  const written = topologyFile === undefined ? {} : await readTopologyFile(topologyFile)
  const topology = resolveTopology({ ...written, ...(rung !== undefined && { rung }) }, topologyFile)
  const portBase = String(await target.portBase())
  return [...args, '--app', target.appDir, '--port-base', portBase, '--topology', JSON.stringify(topology)]
}

/** A process that answers the public address starts the supervisor, which so inherits the socket. */
async function startByEntryHolder(target: TargetSystem, map: SystemMap, args: string[]): Promise<number | undefined> {
  // The newest first: while fronts are being replaced, only those have the sockets that are wanted now.
  for (const node of [...nodesOf(map, 'web'), ...nodesOf(map, 'front')].filter(({ entry }) => entry).toReversed()) {
    const answer = await new DoorClient(target.home, node.id).startSupervisor(args).catch(() => undefined)
    if (answer) return answer.pid
  }
  return undefined
}

/** A HAProxy that outlived its front has the public address, and no supervisor could be handed that by it. */
async function startAlone(target: TargetSystem, map: SystemMap | undefined, args: string[]): Promise<number> {
  for (const { id, pid } of map ? nodesOf(map, 'front') : []) {
    const isThere = processesOf(target.home, id).length > 0 || (pid !== null && runsNode(pid, target.home, id))
    if (!isThere) await stopLeftHaproxy(haproxyDirOf(target.home, id))
  }
  return startHere(target, args)
}

function startHere(target: TargetSystem, args: string[]): number {
  return withLogFile(logFileOf(target.home, 'supervisor'), (log) => {
    const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log] })
    child.unref()
    if (child.pid === undefined) throw new TenfoldError('program-failed', `${process.execPath} could not be started`)
    return child.pid
  })
}

/** Shows what happens until Ctrl-C, which stops the system. */
async function follow(client: ControlClient, target: TargetSystem): Promise<void> {
  const abort = new AbortController()
  let isStopping = false
  const stop = () => {
    if (isStopping) return
    isStopping = true
    target.note('stopping; the data stays')
    abort.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  const startedAt = new Date().toISOString()
  try {
    for await (const event of client.events(abort.signal)) {
      if (event.name === 'event' && event.data.at > startedAt) showEvent(target, event.data)
    }
  } catch (error) {
    if (!abort.signal.aborted) target.note(`the connection to the supervisor broke: ${(error as Error).message}`)
  }
  if (isStopping) await client.down()
  else
    throw new TenfoldError(
      'not-running',
      'the supervisor has gone; what it had started may go on: `tenfold up` adopts it',
    )
}
