// `tenfold down`: stops everything in order; data stays.

import { waitUntil } from '../base/limits.ts'
import { readSupervisorRecord } from '../control/status.ts'
import { nodesOf } from '../map/map.ts'
import { readMap } from '../map/store.ts'
import { isProcessAlive } from '../programs/process.ts'
import { signal, waitForExit } from '../supervisor/pid.ts'
import type { Command, TargetSystem } from './command.ts'

const supervisorExitTimeoutMs = 10_000
const orphanExitTimeoutMs = 15_000

export const down: Command = {
  name: 'down',
  usage: '',
  summary: 'stop everything in order; data stays',
  async run(target) {
    const record = await readSupervisorRecord(target.home)
    const stopped = record ? await stopBySupervisor(target) : await stopOrphans(target)
    target.print({ stopped }, stopped.length === 0 ? 'nothing was running' : `stopped ${stopped.join(', ')}`)
  },
}

async function stopBySupervisor(target: TargetSystem): Promise<string[]> {
  const { stopped } = await (await target.client()).down()
  await waitUntil(async () => (await readSupervisorRecord(target.home)) === undefined, {
    what: 'the end of the supervisor',
    timeoutMs: supervisorExitTimeoutMs,
  })
  return stopped
}

/** The supervisor is gone and its processes go on: SIGTERM lets each end in order, PostgreSQL with a fast shutdown (SIGINT). */
async function stopOrphans(target: TargetSystem): Promise<string[]> {
  const map = await readMap(target.home.map)
  const stopped: string[] = []
  for (const [role, name] of [
    ['front', 'SIGTERM'],
    ['web', 'SIGTERM'],
    ['worker', 'SIGTERM'],
    ['postgres', 'SIGINT'],
  ] as const) {
    for (const { id, pid } of nodesOf(map, role)) {
      if (pid === null || !isProcessAlive(pid)) continue
      signal(pid, name)
      await waitForExit(pid, orphanExitTimeoutMs)
      stopped.push(id)
    }
  }
  return stopped
}
