// The workers as the scaler has them: by the age of what waits (worker-demand.ts).

import { systemClock } from '../../base/clock.ts'
import type { Home } from '../../map/home.ts'
import { nodesOf, type SystemMap } from '../../map/map.ts'
import { rangeOf } from '../../plan/plan-scale.ts'
import { DoorClient } from '../../processes/door/client.ts'
import type { QueueAnswers } from '../../processes/queue/desk.ts'
import type { Topology } from '../../topology/schema.ts'
import type { RoleScaling } from './role-scaling.ts'
import { type SeenWorker, type WorkerLook, type WorkerRules, WorkerScaling } from './worker-scaling.ts'

const askTimeoutMs = 2000
/** Counting costs the database something, and age does not change in a second. */
const depthAgeMsMax = 2000
/** What was counted so long ago, and could not be since, says nothing any more. */
const depthStaleMs = 15_000

export function openWorkerScaling(home: Home): RoleScaling {
  const scaling = new WorkerScaling()
  let counted: { atMs: number; depth: WorkerLook['depth'] } | undefined
  return {
    role: 'worker',
    get demand() {
      return scaling.demand
    },
    get complaint() {
      const { because, queue } = scaling.demand ?? {}
      return because === 'age' ? `jobs of ${queue} wait for too long` : undefined
    },
    async look(map) {
      const atMs = systemClock.monotonic()
      const isDepthOld = !counted || atMs - counted.atMs >= depthAgeMsMax
      const { workers, depth } = await lookAtWorkers(home, map, isDepthOld)
      if (depth) counted = { atMs, depth }
      else if (counted && atMs - counted.atMs >= depthStaleMs) counted = undefined
      const look = { atMs, workers, depth: counted?.depth }
      return { atMs, takeIn: (topology) => scaling.see(look, rulesOf(topology)) }
    },
    next: (number, atMs, topology) => scaling.next(number, atMs, rulesOf(topology)),
  }
}

/** Everybody is asked at once, the first of them that is ready also for what waits. */
async function lookAtWorkers(home: Home, map: SystemMap, withDepth: boolean): Promise<Omit<WorkerLook, 'atMs'>> {
  const present = nodesOf(map, 'worker').filter(({ state }) => state !== 'draining')
  const counter = present.find(({ state, pid }) => state === 'ready' && pid !== null)?.id
  let depth: WorkerLook['depth']
  const workers = await Promise.all(
    present.map(async ({ id, pid, state }): Promise<SeenWorker> => {
      const isReady = state === 'ready'
      if (!isReady || pid === null) return { id, pid, isReady, queues: undefined }
      const report = await new DoorClient(home, id)
        .queue({ kind: 'report', withDepth: withDepth && id === counter }, askTimeoutMs)
        .catch((): QueueAnswers['report'] | undefined => undefined)
      if (report?.depth) depth = report.depth
      // Of a queue that it only publishes to it has no hands.
      return { id, pid, isReady, queues: report?.queues.filter(({ passedMs }) => passedMs > 0) }
    }),
  )
  return { workers, depth }
}

function rulesOf(topology: Topology): WorkerRules {
  return { ...rangeOf(topology, 'worker'), ...topology.worker.scale }
}
