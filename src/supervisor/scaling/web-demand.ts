// How many web processes the load of the moment asks for. Pure; what becomes of it over time is next-number.ts.
//
// Source: the algorithm of Kubernetes' HorizontalPodAutoscaler ("Horizontal Pod Autoscaling", Algorithm details): the number
// that there is, times the ratio of what is measured to what is aimed at, rounded up; nothing within a tolerance of 1; of several
// measures the one that asks for most. Processes that have no measure yet count as idle where more would be asked for, and as
// on target where fewer would; when that turns the answer round, it stays.
// Worked example: 3 processes at 0.9 with a target of 0.6 ask for ceil(3 * 0.9 / 0.6) = 5. While the 2 new ones start, the
// same 2.7 of work spread over 5 is 0.54: within the tolerance, so nobody asks for more on top.

export interface WebLoad {
  /** Of each process that is to stay: how busy it is, 0 to 1; undefined while it starts. */
  busy: ReadonlyArray<number | undefined>
  /** What clients wait, as the fronts have it; undefined without requests. */
  p99Ms?: number | undefined
  /** The processes are the same as when the first of those requests came: what they waited was not for others. */
  isSettled: boolean
}

export interface WebAim {
  targetUtilisation: number
  /** Undefined: latency asks for nothing. */
  p99MsMax?: number | undefined
}

export interface WebDemand {
  processes: number
  /** Mean over the processes that have a measure; undefined when none has. */
  utilisation: number | undefined
  /** What asks for more, or for fewer, than there are; undefined when there are as many as asked for. */
  because: 'utilisation' | 'latency' | undefined
}

/** Ratios so near to 1 ask for nothing: without it a load at the edge of two numbers makes them alternate. */
const tolerance = 0.1
/** From here on what is measured says nothing of how much more there would be, so twice as many are asked for. */
const full = 0.95
/** Latency asks for at most so many times what there is. */
const latencyRatioMax = 2

export function webDemand(load: WebLoad, aim: WebAim): WebDemand {
  const { busy } = load
  const present = busy.length
  const known = busy.filter((share) => share !== undefined)
  if (known.length === 0) return { processes: present, utilisation: undefined, because: undefined }
  const work = known.reduce((sum, share) => sum + share, 0)
  const utilisation = work / known.length
  const byUse = demandOfUse(work, known.length, present, aim.targetUtilisation)
  const byLatency = demandOfLatency(load, aim, work / present)
  const processes = Math.max(byUse, byLatency)
  const because = processes === present ? undefined : byLatency > byUse ? 'latency' : 'utilisation'
  return { processes, utilisation, because }
}

function demandOfUse(work: number, known: number, present: number, target: number): number {
  if (work / known > target) {
    const ratio = work / present / target
    if (ratio <= 1 + tolerance) return present
    return Math.max(roundUp(present * ratio), work / present >= full ? present * 2 : 0)
  }
  const ratio = (work / target + present - known) / present
  return ratio >= 1 - tolerance ? present : Math.max(1, roundUp(present * ratio))
}

/**
 * Web processes that wait for a database or a third party are slow and idle, and more of them would only ask it more: so
 * latency counts as long as they are at least half as busy as they are meant to be.
 */
function demandOfLatency({ busy, p99Ms, isSettled }: WebLoad, aim: WebAim, utilisation: number): number {
  const { p99MsMax, targetUtilisation } = aim
  if (p99Ms === undefined || p99MsMax === undefined || utilisation < targetUtilisation / 2) return 0
  if (!isSettled) return busy.length
  const ratio = Math.min(latencyRatioMax, p99Ms / p99MsMax)
  if (ratio > 1 + tolerance) return roundUp(busy.length * ratio)
  return ratio >= 1 - tolerance ? busy.length : 0
}

/** 0.6 * 3 / 0.6 is 3.0000000000000004 in binary, and no reason for a fourth. */
function roundUp(processes: number): number {
  return Math.ceil(processes - 1e-9)
}
