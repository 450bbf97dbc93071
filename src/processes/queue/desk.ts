// What a process does for operators with the queue: it is asked by the supervisor, because it has the queue's engine and the
// database open, and because each knows only of the jobs that came through it.

import { describeError, TenfoldError } from '../../base/errors.ts'
import type { Payload, QueueDepth, QueueEngine } from '../../tiers/queue/contract.ts'
import type { DeadLetter, JobLedger } from '../../tiers/queue/ledger/contract.ts'
import { redrive } from '../../tiers/queue/ledger/redrive.ts'
import type { QueueTier } from '../../tiers/queue/queue.ts'
import type { KeptSchedule, ScheduleStore } from '../../tiers/queue/schedules/contract.ts'
import type { StreamEngine, StreamPlace } from '../../tiers/queue/streams/contract.ts'
import type { JobWatch } from './job-watch.ts'
import type { QueueUse, SeenEvent } from './report.ts'

/** Dead letters by id, or all of a queue. */
export type DeadChoice = { ids: string[] } | { queue: string }

export type QueueRequest =
  | { kind: 'report'; withDepth: boolean }
  /** Without a queue it is looked for in all of them. */
  | { kind: 'job'; queue?: string; id: string }
  | { kind: 'events'; id: string }
  | { kind: 'dead'; queue?: string; limit: number; before?: string }
  | { kind: 'redrive'; choice: DeadChoice }
  | { kind: 'drop'; choice: DeadChoice }
  | { kind: 'cancel'; queue: string; id: string }
  | { kind: 'schedules' }
  | { kind: 'streams' }
  | { kind: 'rewind'; stream: string; group: string; to: SeenPlace }

/** As JSON has them: times are ISO 8601. */
export interface QueueAnswers {
  /** `depth` is null when it was not asked for, or could not be counted: `trouble` says why. */
  report: { queues: QueueUse[]; depth: QueueDepth[] | null; trouble: string | null }
  job: SeenJob | null
  events: SeenEvent[]
  dead: { letters: SeenDead[]; next: string | null }
  redrive: Redriven
  drop: { dropped: number }
  cancel: { answer: 'canceled' | 'asked' | 'unknown' }
  schedules: SeenSchedule[]
  streams: SeenStream[]
  rewind: Record<string, never>
}

export interface Redriven {
  redriven: number
  /** The first of them: the id among the dead, and the one that the job has now. */
  jobs: Array<{ deadId: string; id: string }>
}

export interface SeenFailure {
  attempt: number
  at: string
  reason: string
  holder: string | null
}

interface SeenCommon {
  id: string
  queue: string
  attempt: number
  publishedAt: string
  key: string | null
  priority: number
  trace: string | null
  payload: Payload
  failures: SeenFailure[]
}

export interface SeenJob extends SeenCommon {
  state: 'waiting' | 'delayed' | 'leased' | 'dead'
  /** When it may be handed out, or its lease ends. */
  until: string | null
  holder: string | null
  progress: unknown
}

export interface SeenDead extends SeenCommon {
  diedAt: string
  reason: string
}

export interface SeenSchedule {
  name: string
  queue: string
  cron: string
  timeZone: string
  nextAt: string
  firedFor: string | null
  firedAt: string | null
  fired: number
  lastJob: string | null
  /** When a process whose app has it looked last. */
  seenAt: string
}

export type SeenStream = Omit<Awaited<ReturnType<StreamEngine['list']>>[number], 'newestAt'> & {
  newestAt: string | null
}

export type SeenPlace = 'start' | 'now' | { at: string } | { position: string }

export interface QueueDeskParts {
  queue: Pick<QueueTier, 'queue' | 'depth'>
  engine: Pick<QueueEngine, 'publish'>
  ledger: Pick<JobLedger, 'deadLetters'>
  schedules: Pick<ScheduleStore, 'list'>
  streams?: Pick<StreamEngine, 'list' | 'rewind'>
  watch: JobWatch
}

/** What one call does of a longer list; the rest is for the next. */
const choiceMax = 10_000
/** Dead letters at once: each may carry a large payload. */
const pageMax = 100
const redrivenShown = 100
/** Queues in which a job is looked for. */
const queuesMax = 1000

export class QueueDesk {
  readonly #parts: QueueDeskParts

  constructor(parts: QueueDeskParts) {
    this.#parts = parts
  }

  async answer<Kind extends QueueRequest['kind']>(
    request: Extract<QueueRequest, { kind: Kind }>,
  ): Promise<QueueAnswers[Kind]> {
    return (await this.#answer(request)) as QueueAnswers[Kind]
  }

  async #answer(request: QueueRequest): Promise<QueueAnswers[QueueRequest['kind']]> {
    const { queue, ledger, schedules, watch } = this.#parts
    switch (request.kind) {
      case 'report':
        return { queues: watch.report(), ...(request.withDepth ? await this.#depth() : { depth: null, trouble: null }) }
      case 'job':
        return this.#job(request.id, request.queue)
      case 'events':
        return watch.eventsOf(request.id)
      case 'dead': {
        const { kind: _, ...page } = request
        const { letters, next } = await ledger.deadLetters.list(page)
        return { letters: letters.map(seenDead), next: next ?? null }
      }
      case 'redrive':
        return this.#redrive(request.choice)
      case 'drop': {
        let dropped = 0
        for (const ids of await this.#chosen(request.choice)) dropped += await ledger.deadLetters.drop(ids)
        return { dropped }
      }
      case 'cancel':
        return { answer: await queue.queue.cancel(request.queue, request.id) }
      case 'schedules':
        return (await schedules.list()).map(seenSchedule)
      case 'streams':
        return (await this.#streams().list()).map((stream) => ({ ...stream, newestAt: iso(stream.newestAt) }))
      case 'rewind':
        await this.#streams().rewind({ stream: request.stream, group: request.group }, placeOf(request.to))
        return {}
    }
  }

  /** Brokers that are down take nothing away from what this process knows itself. */
  #depth(): Promise<{ depth: QueueDepth[] | null; trouble: string | null }> {
    return this.#parts.queue.depth().then(
      (depth) => ({ depth, trouble: null }),
      (error) => ({ depth: null, trouble: describeError(error) }),
    )
  }

  async #job(id: string, queueName: string | undefined): Promise<SeenJob | null> {
    const { queue, watch } = this.#parts
    const seenIn = watch.eventsOf(id)[0]?.queue
    const known = queueName ?? seenIn
    const names = known === undefined ? (await queue.depth()).map((depth) => depth.queue) : [known]
    for (const name of names.slice(0, queuesMax)) {
      const job = await queue.queue.job(name, id)
      if (!job) continue
      const { state, until, holder, progress } = job
      return { ...common(job), state, until: iso(until), holder: holder ?? null, progress: progress ?? null }
    }
    return null
  }

  async #redrive(choice: DeadChoice): Promise<Redriven> {
    const { engine, ledger } = this.#parts
    const done: Redriven = { redriven: 0, jobs: [] }
    for (const ids of await this.#chosen(choice)) {
      const jobs = await redrive(engine, ledger.deadLetters, ids)
      done.redriven += jobs.length
      done.jobs.push(...jobs.slice(0, redrivenShown - done.jobs.length))
    }
    return done
  }

  /**
   * Chosen once, before any of them is touched: what dies again meanwhile is not taken a second time. In the order of their first
   * publish, which jobs of one key keep.
   */
  async #chosen(choice: DeadChoice): Promise<string[][]> {
    if ('ids' in choice) return inPages(choice.ids.slice(0, choiceMax))
    const chosen: Array<Pick<DeadLetter, 'id' | 'publishedAt'>> = []
    for (let before: string | undefined; chosen.length < choiceMax; ) {
      const page = { queue: choice.queue, limit: pageMax, ...(before !== undefined && { before }) }
      const { letters, next } = await this.#parts.ledger.deadLetters.list(page)
      chosen.push(...letters.map(({ id, publishedAt }) => ({ id, publishedAt })))
      if (next === undefined) break
      before = next
    }
    chosen.sort((a, b) => a.publishedAt.getTime() - b.publishedAt.getTime() || (a.id < b.id ? -1 : 1))
    return inPages(chosen.map(({ id }) => id))
  }

  #streams(): Pick<StreamEngine, 'list' | 'rewind'> {
    const { streams } = this.#parts
    if (streams) return streams
    throw new TenfoldError('not-built', 'this process keeps no streams')
  }
}

function inPages(ids: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(ids.length / pageMax) }, (_, n) => ids.slice(n * pageMax, (n + 1) * pageMax))
}

type Common = Pick<
  DeadLetter,
  'id' | 'queue' | 'attempt' | 'publishedAt' | 'key' | 'priority' | 'trace' | 'payload' | 'failures'
>

function common({ id, queue, attempt, publishedAt, key, priority, trace, payload, failures }: Common): SeenCommon {
  return {
    ...{ id, queue, attempt, publishedAt: publishedAt.toISOString(), key: key ?? null, priority },
    ...{ trace: trace ?? null, payload },
    failures: failures.map(({ at, holder, ...failure }) => ({
      ...failure,
      at: at.toISOString(),
      holder: holder ?? null,
    })),
  }
}

function seenDead(letter: DeadLetter): SeenDead {
  return { ...common(letter), diedAt: letter.diedAt.toISOString(), reason: letter.reason }
}

function seenSchedule({ nextAt, firedFor, firedAt, lastJob, seenAt, ...schedule }: KeptSchedule): SeenSchedule {
  return {
    ...schedule,
    ...{ nextAt: nextAt.toISOString(), firedFor: iso(firedFor), firedAt: iso(firedAt) },
    ...{ lastJob: lastJob ?? null, seenAt: seenAt.toISOString() },
  }
}

function placeOf(place: SeenPlace): StreamPlace {
  return typeof place === 'object' && 'at' in place ? { at: new Date(place.at) } : place
}

function iso(date: Date | undefined): string | null {
  return date?.toISOString() ?? null
}
