// How many worker processes what waits at the moment asks for. Pure; what becomes of it over time is next-number.ts.
//
// More are asked for by age: when the oldest job that could be worked off has waited for longer than is wished. How many: so many
// that what waits is worked off within the time that is wished, at the speed that the present ones have.
// Source: Amazon's "Scaling policy based on Amazon SQS" (EC2 Auto Scaling user guide): the acceptable backlog of an instance is
// the acceptable latency divided by the time that a job takes; as many instances as the backlog divided by that.
// Worked example: 2 workers finish 100 jobs a second together, 1000 wait, the oldest for 8 s, 5 s are wished. At that speed 500 are
// worked off within 5 s, so ceil(2 * 1000 / 500) = 4 are asked for.
//
// Fewer are asked for by use, since an age of nothing says nothing of how many could go: as many as would be busy to a target
// (Kubernetes' HorizontalPodAutoscaler, as for web processes). Work counts in hands: a worker with all its calls of a queue
// under way is full. A worker is as busy as the busiest of its queues, because each queue has hands of its own.
// Worked example: 4 workers, half of their hands busy, target 0.8: ceil(4 * 0.5 / 0.8) = 3.

export interface QueueLoad {
  queue: string
  /** Jobs that could be taken. */
  waiting: number
  /** How long the oldest of them has waited, at the worst of the window. */
  oldestMs: number
  /** All workers together finished so many in a second of the window. */
  endedPerSecond: number
  /** Of each worker that is to stay: the share of its hands that are busy, 0 to 1; undefined while it starts. */
  busy: ReadonlyArray<number | undefined>
}

export interface WorkerLoad {
  /** Workers that are to stay, those that start among them. */
  present: number
  queues: readonly QueueLoad[]
  /** The workers are the same as when the window began: what it shows is what they can do. */
  isSettled: boolean
}

export interface WorkerDemand {
  processes: number
  /** How busy the busiest queue's hands are on average; undefined while nobody knows. */
  utilisation: number | undefined
  /** What asks for more or for fewer than there are, and of which queue; undefined when there are as many as asked for. */
  because: 'age' | 'use' | undefined
  queue: string | undefined
}

/** Fewer are asked for only when those that are left would be no busier than this. */
const targetUse = 0.8
/** Jobs that wait while half of the hands are free wait for something else: a limit, their key's turn. */
const busyLeast = 0.5
/** Within so much of what is wished nothing is asked for. */
const tolerance = 0.1
/** One look asks for at most so many times what there is. */
const growthMax = 2

export function workerDemand({ present, queues, isSettled }: WorkerLoad, aim: { ageMsMax: number }): WorkerDemand {
  let most: { processes: number; because: 'age' | 'use'; queue: string } | undefined
  let utilisation: number | undefined
  for (const queue of queues) {
    const known = queue.busy.filter((share) => share !== undefined)
    if (known.length === 0) continue
    const work = known.reduce((sum, share) => sum + share, 0)
    utilisation = Math.max(utilisation ?? 0, work / known.length)
    const isLate = queue.oldestMs > aim.ageMsMax * (1 + tolerance)
    const processes = isLate
      ? demandOfAge(queue, { present, use: work / known.length, isSettled }, aim.ageMsMax)
      : Math.min(present, Math.max(1, roundUp(work / targetUse) + present - known.length))
    if (!most || processes > most.processes) most = { processes, because: isLate ? 'age' : 'use', queue: queue.queue }
  }
  if (!most || most.processes === present)
    return { processes: present, utilisation, because: undefined, queue: undefined }
  return { ...most, utilisation }
}

function demandOfAge(
  { waiting, endedPerSecond }: QueueLoad,
  { present, use, isSettled }: { present: number; use: number; isSettled: boolean },
  ageMsMax: number,
): number {
  if (use < busyLeast || !isSettled) return present
  if (endedPerSecond <= 0) return present * growthMax
  const withinWish = (endedPerSecond * ageMsMax) / 1000
  return Math.min(present * growthMax, Math.max(present, roundUp((present * waiting) / withinWish)))
}

/** 0.8 * 3 / 0.8 is 3.0000000000000004 in binary, and no reason for a fourth. */
function roundUp(processes: number): number {
  return Math.ceil(processes - 1e-9)
}
