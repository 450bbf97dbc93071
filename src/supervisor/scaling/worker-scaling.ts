// How many workers there shall be, from what waits and what the workers tell of their hands. Opens nothing and has no clock: the
// scaler (scaler.ts) looks and acts, a test lets hours pass in a moment.

import type { QueueUse } from '../../processes/queue/report.ts'
import type { QueueDepth } from '../../tiers/queue/contract.ts'
import { Busyness } from './busyness.ts'
import { Cast, type CastMember } from './cast.ts'
import { firstState, nextNumber, remember, type ScaleRules, type ScaleState } from './next-number.ts'
import { type QueueLoad, type WorkerDemand, workerDemand } from './worker-demand.ts'

export type SeenUse = Pick<QueueUse, 'queue' | 'done' | 'failed' | 'busyMs' | 'passedMs'>

export interface SeenWorker extends CastMember {
  /** Undefined when it does not answer. */
  queues: readonly SeenUse[] | undefined
}

export interface WorkerLook {
  atMs: number
  /** All but those that drain. */
  workers: readonly SeenWorker[]
  /** Undefined when nobody could count. */
  depth: ReadonlyArray<Pick<QueueDepth, 'queue' | 'waiting' | 'oldestMs'>> | undefined
}

export interface WorkerRules extends ScaleRules {
  ageMsMax: number
  windowMs: number
}

/** Looks that are kept, whatever the window. */
const looksMax = 128

interface Past {
  atMs: number
  oldestMs: ReadonlyMap<string, number>
  /** Runs that ended since the workers that are heard were started, by process and queue. */
  ended: ReadonlyMap<string, number>
}

export class WorkerScaling {
  readonly #busyness = new Busyness()
  readonly #cast = new Cast()
  #past: Past[] = []
  #state: ScaleState | undefined
  #demand: WorkerDemand | undefined

  get demand(): WorkerDemand | undefined {
    return this.#demand
  }

  /** Takes in what is seen, whatever may be done about it now. */
  see(look: WorkerLook, rules: WorkerRules): void {
    const { atMs, workers, depth = [] } = look
    this.#remember(look, rules.windowMs)
    const names = new Set(workers.flatMap(({ queues }) => queues?.map(({ queue }) => queue) ?? []))
    const queues = [...names].map((queue) =>
      this.#loadOf(queue, look, depth.find((each) => each.queue === queue)?.waiting ?? 0, rules.windowMs),
    )
    this.#cast.see(workers, atMs)
    const isSettled = this.#cast.hasStoodFor(rules.windowMs, atMs)
    this.#demand = workerDemand({ present: workers.length, queues, isSettled }, rules)
    this.#state = remember(this.#state ?? firstState(workers.length, atMs), this.#demand.processes, atMs, rules)
  }

  /** How many there shall be in the place of `number`. */
  next(number: number, atMs: number, rules: WorkerRules): number {
    this.#state = nextNumber({ ...(this.#state ?? firstState(number, atMs)), number }, atMs, rules)
    return this.#state.number
  }

  #remember({ atMs, workers, depth }: WorkerLook, windowMs: number): void {
    const heard = workers.filter(({ isReady, pid, queues }) => isReady && pid !== null && queues)
    const ended = new Map<string, number>()
    const known = new Set<string>()
    for (const { id, pid, queues = [] } of heard)
      for (const { queue, done, failed, busyMs, passedMs } of queues) {
        const use = { activeMs: busyMs, idleMs: passedMs - busyMs, cpuMs: 0, cores: 1 }
        this.#busyness.hear(handsOf(id, queue), Number(pid), use, atMs, windowMs)
        ended.set(`${pid} ${queue}`, done + failed)
      }
    for (const { id, queues } of workers) {
      const names = queues?.map(({ queue }) => queue) ?? [...(this.#past.at(-1)?.oldestMs.keys() ?? [])]
      for (const queue of names) known.add(handsOf(id, queue))
    }
    this.#busyness.keep(known)
    const oldestMs = new Map<string, number>(heard.flatMap(({ queues = [] }) => queues.map(({ queue }) => [queue, 0])))
    for (const { queue, oldestMs: age } of depth ?? []) oldestMs.set(queue, age)
    this.#past.push({ atMs, oldestMs, ended })
    // The first that is kept is the last that is a whole window old.
    const isOver = () => this.#past[1] && atMs - this.#past[1].atMs >= windowMs
    while (this.#past.length > looksMax || isOver()) this.#past.shift()
  }

  #loadOf(queue: string, { atMs, workers }: WorkerLook, waiting: number, windowMs: number): QueueLoad {
    const [first, last] = [this.#past[0] as Past, this.#past.at(-1) as Past]
    const sum = workers.reduce((ended, { pid }) => {
      const key = `${pid} ${queue}`
      // One that came within the window, or did not answer at its begin, counts from when it was heard first.
      const since = this.#past.find((past) => past.ended.has(key))?.ended.get(key)
      return since === undefined ? ended : ended + (last.ended.get(key) ?? since) - since
    }, 0)
    return {
      queue,
      waiting,
      oldestMs: Math.max(0, ...this.#past.map(({ oldestMs }) => oldestMs.get(queue) ?? 0)),
      endedPerSecond: last.atMs > first.atMs ? (sum * 1000) / (last.atMs - first.atMs) : 0,
      busy: workers.map(({ id, pid, isReady }) =>
        isReady && pid !== null ? this.#busyness.of(handsOf(id, queue), pid, atMs, windowMs) : undefined,
      ),
    }
  }
}

function handsOf(id: string, queue: string): string {
  return `${id} ${queue}`
}
