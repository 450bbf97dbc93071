// One look at the web tier and the fronts before it: everybody is asked at once, and whoever does not answer is seen too.

import type { Home } from '../../map/home.ts'
import { type MapNode, nodesOf, type SystemMap } from '../../map/map.ts'
import { DoorClient } from '../../processes/door/client.ts'
import type { DoorState } from '../../processes/door/contract.ts'
import type { ProcessUse } from '../../processes/process-use.ts'
import { readProcessUsage } from '../../programs/process-usage.ts'
import type { SeenWeb, WebLook } from './web-scaling.ts'

export async function lookAtWebs(home: Home, map: SystemMap, nowMs: () => number): Promise<WebLook> {
  const isProgram = map.topology.web.command !== undefined
  const seeing = nodesOf(map, 'web')
    .filter(({ state }) => state !== 'draining')
    .map(async ({ id, pid, state }): Promise<SeenWeb> => {
      const isReady = state === 'ready'
      if (!isReady || pid === null) return { id, pid, isReady, use: undefined }
      return { id, pid, isReady, use: isProgram ? await useOfProgram(pid, nowMs) : await useOfProcess(home, id, pid) }
    })
  const asking = nodesOf(map, 'front').map((front) => stateOf(home, front))
  const [webs, fronts] = await Promise.all([Promise.all(seeing), Promise.all(asking)])
  const latencies = fronts.flatMap((state) => state?.p99Ms ?? [])
  return { atMs: nowMs(), webs, p99Ms: latencies.length === 0 ? undefined : Math.max(...latencies) }
}

async function useOfProcess(home: Home, id: string, pid: number): Promise<ProcessUse | undefined> {
  const state = await stateOf(home, { id, pid })
  return state?.pid === pid ? state.use : undefined
}

/** A program tells nothing of its event loop, if it has one: it counts as full when it keeps one core busy. */
async function useOfProgram(pid: number, nowMs: () => number): Promise<ProcessUse | undefined> {
  const usage = await readProcessUsage(pid)
  return usage && { activeMs: usage.cpuMs, idleMs: nowMs() - usage.cpuMs, cpuMs: 0, cores: 1 }
}

async function stateOf(home: Home, { id, pid }: Pick<MapNode, 'id' | 'pid'>): Promise<DoorState | undefined> {
  if (pid === null) return undefined
  return new DoorClient(home, id).state().catch(() => undefined)
}
