// What a process tells of its jobs, and how those of several add up. Sums since it started, unless it says otherwise.

/** Upper bounds in seconds; a run that took longer than all of them counts in the last place. */
export const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] as const

export interface SlowRun {
  id: string
  durationMs: number
  /** ISO 8601 */
  at: string
}

export interface QueueUse {
  queue: string
  published: number
  done: number
  /** Runs that failed, whatever became of the job. */
  failed: number
  died: number
  /** Of the last seconds. */
  publishedPerSecond: number
  donePerSecond: number
  failedPerSecond: number
  /** Runs by how long they took, one number more than there are bounds, and the sum of that. */
  durations: number[]
  durationSumMs: number
  /** Of the last minutes, the slowest first. */
  slowest: SlowRun[]
  /** How long its hands for this queue were busy (each a part of one), and were looked at; both 0 where there is no handler. */
  busyMs: number
  passedMs: number
  /** Jobs in hand now. */
  inFlight: number
}

/** What happened to a job, as one process saw it. */
export interface SeenEvent {
  /** ISO 8601 */
  at: string
  node: string
  event: string
  queue: string
  id: string
  attempt: number
  trace?: string
  durationMs?: number
  reason?: string
  delayMs?: number
}

const slowestMax = 5

/** All processes together, by queue. */
export function sumUses(reports: ReadonlyArray<readonly QueueUse[]>): QueueUse[] {
  const sums = new Map<string, QueueUse>()
  for (const use of reports.flat()) {
    const sum = sums.get(use.queue)
    sums.set(use.queue, sum ? sumOf(sum, use) : use)
  }
  return [...sums.values()].sort((a, b) => (a.queue < b.queue ? -1 : 1))
}

function sumOf(a: QueueUse, b: QueueUse): QueueUse {
  const sum = { ...a }
  for (const key of Object.keys(a) as Array<keyof QueueUse>)
    if (typeof sum[key] === 'number') Object.assign(sum, { [key]: Number(a[key]) + Number(b[key]) })
  sum.durations = a.durations.map((count, i) => count + (b.durations[i] ?? 0))
  sum.slowest = [...a.slowest, ...b.slowest].sort((x, y) => y.durationMs - x.durationMs).slice(0, slowestMax)
  return sum
}
