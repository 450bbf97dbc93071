// The queue as operators have it: what waits and how fast it goes, one job's life, dead letters, schedules and streams. Processes
// are asked at their doors: each tells of the jobs that it saw, and any of them of what is kept for all.

import { systemClock } from '../base/clock.ts'
import { describeError, isTenfoldError, TenfoldError } from '../base/errors.ts'
import { type MapNode, nodesOf } from '../map/map.ts'
import { DoorClient } from '../processes/door/client.ts'
import type { DeadChoice, QueueAnswers, QueueRequest, SeenJob, SeenPlace } from '../processes/queue/desk.ts'
import { type QueueUse, type SeenEvent, sumUses } from '../processes/queue/report.ts'
import type { QueueDepth } from '../tiers/queue/contract.ts'
import type { System } from './system.ts'

/** A process that stands still keeps nobody waiting for what the others tell. */
const reportTimeoutMs = 2000
/** What `report` answers is not asked for again within this. */
const reportAgeMsMax = 500

/** A queue as it lies there, and what all processes that answer do with it. Left out: what only the scaler needs. */
export type QueueState = QueueDepth & Omit<QueueUse, 'queue' | 'busyMs' | 'passedMs'>

export interface QueueSummary {
  engine: 'postgres' | 'jetstream'
  queues: QueueState[]
  /** Why nobody could count what lies there; null: somebody did. */
  trouble: string | null
}

export interface JobLife {
  id: string
  /** Null when it is done, dropped, or never was. */
  job: SeenJob | null
  /** What the processes that run saw of it, oldest first: what went through one that is gone is in no list any more. */
  events: SeenEvent[]
}

export class QueueControl {
  readonly #system: Pick<System, 'home' | 'keeper' | 'events'>
  #last: { atMs: number; summary: Promise<QueueSummary> } | undefined

  constructor(system: Pick<System, 'home' | 'keeper' | 'events'>) {
    this.#system = system
  }

  /** Of the processes that answer. */
  report(): Promise<QueueSummary> {
    const atMs = systemClock.monotonic()
    if (!this.#last || atMs - this.#last.atMs >= reportAgeMsMax) this.#last = { atMs, summary: this.#report() }
    return this.#last.summary
  }

  async job(id: string, queue?: string): Promise<JobLife> {
    const { home } = this.#system
    const asked = this.#nodes().map((node) =>
      new DoorClient(home, node.id).queue({ kind: 'events', id }, reportTimeoutMs).catch(() => []),
    )
    // A publish is told of when its answer came, and the worker may have begun in that same millisecond, or before it.
    const events = (await Promise.all(asked)).flat().sort((a, b) => a.attempt - b.attempt || a.at.localeCompare(b.at))
    const known = queue ?? events[0]?.queue
    const job = await this.#ask({ kind: 'job', id, ...(known !== undefined && { queue: known }) })
    return { id, job, events }
  }

  dead(page: { queue?: string; limit: number; before?: string }): Promise<QueueAnswers['dead']> {
    return this.#ask({ kind: 'dead', ...page })
  }

  /** May be repeated: what was published again is not a second time. */
  async redrive(choice: DeadChoice): Promise<QueueAnswers['redrive']> {
    const done = await this.#ask({ kind: 'redrive', choice })
    if (done.redriven > 0) this.#tell(`${done.redriven} dead jobs${of(choice)} were published again`)
    return done
  }

  async drop(choice: DeadChoice): Promise<QueueAnswers['drop']> {
    const done = await this.#ask({ kind: 'drop', choice })
    if (done.dropped > 0) this.#tell(`${done.dropped} dead jobs${of(choice)} were dropped`)
    return done
  }

  cancel(queue: string, id: string): Promise<QueueAnswers['cancel']> {
    return this.#ask({ kind: 'cancel', queue, id })
  }

  schedules(): Promise<QueueAnswers['schedules']> {
    return this.#ask({ kind: 'schedules' })
  }

  streams(): Promise<QueueAnswers['streams']> {
    return this.#ask({ kind: 'streams' })
  }

  async rewind(stream: string, group: string, to: SeenPlace): Promise<void> {
    await this.#ask({ kind: 'rewind', stream, group, to })
    this.#tell(`group ${group} of stream ${stream} was sent to ${typeof to === 'string' ? to : Object.values(to)[0]}`)
  }

  async #report(): Promise<QueueSummary> {
    const { home, keeper } = this.#system
    const nodes = this.#nodes()
    const reports = nodes.map(({ id }) =>
      new DoorClient(home, id).queue({ kind: 'report', withDepth: false }, reportTimeoutMs).catch(() => undefined),
    )
    const counting = this.#ask({ kind: 'report', withDepth: true }, reportTimeoutMs).catch((error) => {
      return { depth: null, trouble: describeError(error) }
    })
    const uses = sumUses((await Promise.all(reports)).flatMap((report) => (report ? [report.queues] : [])))
    const { depth, trouble } = await counting
    const depths = depth ?? []
    const names = new Set([...depths, ...uses].map(({ queue }) => queue))
    const { engine } = keeper.map.topology.queue
    const queues = [...names].sort().map((queue): QueueState => {
      const use = uses.find((each) => each.queue === queue) ?? { ...unused, queue }
      const { busyMs: _, passedMs: __, ...rest } = use
      return { ...(depths.find((each) => each.queue === queue) ?? { ...empty, queue }), ...rest }
    })
    return { engine, queues, trouble }
  }

  /** One process after the other, until one answers: all that is asked may be asked twice. */
  async #ask<Kind extends QueueRequest['kind']>(
    request: Extract<QueueRequest, { kind: Kind }>,
    timeoutMs?: number,
  ): Promise<QueueAnswers[Kind]> {
    const { home, keeper } = this.#system
    if (keeper.map.topology.web.command !== undefined)
      throw new TenfoldError('not-built', 'the app is a program of its own (web.command), and has no queue of ours')
    let cause: unknown
    for (const { id } of this.#nodes()) {
      try {
        return await new DoorClient(home, id).queue(request, timeoutMs)
      } catch (error) {
        if (!isTenfoldError(error, 'unavailable')) throw error
        cause = error
      }
    }
    const why = cause === undefined ? 'none is ready' : describeError(cause)
    throw new TenfoldError('unavailable', `no process with a queue answers: ${why}`, { cause })
  }

  /** Workers first: they have nobody else to answer to. */
  #nodes(): MapNode[] {
    const { map } = this.#system.keeper
    if (map.topology.web.command !== undefined) return []
    const all = [...nodesOf(map, 'worker'), ...nodesOf(map, 'web')].filter(({ pid }) => pid !== null)
    return [...all.filter(({ state }) => state === 'ready'), ...all.filter(({ state }) => state !== 'ready')]
  }

  #tell(what: string): void {
    this.#system.events.emit('info', what)
  }
}

const empty = { waiting: 0, delayed: 0, leased: 0, dead: 0, isMore: false, oldestMs: 0 }
const unused: Omit<QueueUse, 'queue'> = {
  ...{ published: 0, done: 0, failed: 0, publishedPerSecond: 0, donePerSecond: 0, failedPerSecond: 0, died: 0 },
  ...{ durations: [], durationSumMs: 0, slowest: [], busyMs: 0, passedMs: 0, inFlight: 0 },
}

function of(choice: DeadChoice): string {
  return 'queue' in choice ? ` of ${choice.queue}` : ''
}
