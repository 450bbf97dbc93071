// What a process does for operators with the queue: it is asked by the supervisor, because it has the queue's engine and the
// database open, and because each knows only of the jobs that came through it.

import { TenfoldError } from '../../base/errors.ts'
import type { Payload, QueueDepth, QueueEngine } from '../../tiers/queue/contract.ts'
import type { DeadLetter, JobLedger } from '../../tiers/queue/ledger/contract.ts'
import { redrive } from '../../tiers/queue/ledger/redrive.ts'
import type { QueueTier } from '../../tiers/queue/queue.ts'
import type { KeptSchedule, ScheduleStore } from '../../tiers/queue/schedules/contract.ts'
import type { StreamEngine, StreamPlace } from '../../tiers/queue/streams/contract.ts'
import type { JobWatch } from './job-watch.ts'
import type { QueueUse, SeenEvent } from './report.ts'

/** Dead letters by id, or the newest so many of a queue. */
export type DeadChoice = { ids: string[] } | { queue: string; max: number }

export type QueueRequest =
  | { kind: 'report'; withDepth: boolean }
  | { kind: 'job'; queue: string; id: string }
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
  /** `depth` is null when it was not asked for. */
  report: { queues: QueueUse[]; depth: QueueDepth[] | null }
  job: SeenJob | null
  events: SeenEvent[]
  dead: { letters: SeenDead[]; next: string | null }
  /** Ids of the dead with those that they have now. */
  redrive: Array<{ deadId: string; id: string }>
  drop: { dropped: number }
  cancel: { answer: 'canceled' | 'asked' | 'unknown' }
  schedules: SeenSchedule[]
  streams: SeenStream[]
  rewind: Record<string, never>
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

/** So many dead letters are done in one go; the rest of a longer list is for the next. */
const pageMax = 500

export class QueueDesk {
  readonly #parts: QueueDeskParts

  constructor(parts: QueueDeskParts) {
    this.#parts = parts
  }

  async answer(request: QueueRequest): Promise<QueueAnswers[QueueRequest['kind']]> {
    const { queue, ledger, schedules, watch } = this.#parts
    switch (request.kind) {
      case 'report':
        return { queues: watch.report(), depth: request.withDepth ? await queue.depth() : null }
      case 'job': {
        const job = await queue.queue.job(request.queue, request.id)
        return job === undefined
          ? null
          : {
              ...common(job),
              ...{ state: job.state, until: iso(job.until), holder: job.holder ?? null },
              progress: job.progress ?? null,
            }
      }
      case 'events':
        return watch.eventsOf(request.id)
      case 'dead': {
        const { kind: _, ...page } = request
        const { letters, next } = await ledger.deadLetters.list(page)
        return { letters: letters.map(seenDead), next: next ?? null }
      }
      case 'redrive':
        return redrive(this.#parts.engine, ledger.deadLetters, await this.#chosen(request.choice))
      case 'drop':
        return { dropped: await ledger.deadLetters.drop(await this.#chosen(request.choice)) }
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

  async #chosen(choice: DeadChoice): Promise<string[]> {
    if ('ids' in choice) return choice.ids.slice(0, pageMax)
    const limit = Math.min(choice.max, pageMax)
    const { letters } = await this.#parts.ledger.deadLetters.list({ queue: choice.queue, limit })
    return letters.map(({ id }) => id)
  }

  #streams(): Pick<StreamEngine, 'list' | 'rewind'> {
    const { streams } = this.#parts
    if (streams) return streams
    throw new TenfoldError('not-built', 'this process keeps no streams')
  }
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
