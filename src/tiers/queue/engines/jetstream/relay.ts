// Takes to the server what waits in PostgreSQL until it can go there: jobs of transactions that committed, delayed jobs whose
// time has come, jobs with a deduplication id, and what is left of the time before the climb. None that has a key: those stay.
//
// Every worker process relays; the claims of the PostgreSQL engine keep them apart. A job goes under its own id as the
// message's name, and is deleted here when it is durable there: a relay that dies between the two does it again, and the server takes
// it once. While no server can be reached nothing is claimed.

import type { BaseLogger } from 'pino'
import { systemClock } from '../../../../base/clock.ts'
import { describeError } from '../../../../base/errors.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import type { NewJob, QueueEngine, TakenJob } from '../../contract.ts'
import type { Past } from './message.ts'
import type { JetStreamLimits } from './options.ts'
import { handOver, queuesWithJobs, uniqueAtOf } from './outbox.ts'

/** Shorter than the time in which the server knows a message's name again, so that who comes after a dead relay doubles nothing. */
const leaseMs = 30_000
const sweepMs = 600_000
/** A job that did not get there while others of its queue did is left alone for so long: what is wrong is its own, or its lane's. */
const aloneMs = 5000

/** What is no queue's, when told of trouble. */
const everything = ''

export interface RelayedJob {
  job: NewJob
  past: Past
}

export interface RelayOptions {
  postgres: QueueEngine
  shards: () => readonly ShardDatabase[]
  log: Pick<BaseLogger, 'warn'>
  limits: Pick<JetStreamLimits, 'relayJobsMax' | 'relayMs' | 'lanesMs'>
  /** Who has what is claimed: its successor frees that. */
  holder(): string
  isUp(): boolean
  /** Resolves with what became of each, in their order: those that are durable on the server, those that failed. */
  publish(jobs: readonly RelayedJob[]): Promise<ReadonlyArray<PromiseSettledResult<unknown>>>
  /** Looks after what is on the server. */
  look(): Promise<unknown>
  /** Forgets what is over; asked for now and then. */
  sweep(): Promise<void>
}

export class Relay {
  readonly #options: RelayOptions
  readonly #hinted = new Set<string>()
  #waking = new AbortController()
  #stopping = new AbortController()
  #working: Promise<void> | undefined
  /** What failed the last time, by queue; each is told of once. */
  readonly #troubled = new Set<string>()

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /** May be called twice, and after stop. */
  start(): void {
    if (this.#working) return
    this.#stopping = new AbortController()
    this.#working = this.#work()
  }

  /** Resolves when what was under way is relayed. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#waking.abort()
    await this.#working
    this.#working = undefined
  }

  async #work(): Promise<void> {
    const { postgres, limits, isUp, look, sweep } = this.#options
    const { signal } = this.#stopping
    const watch = postgres.watch((queue) => {
      this.#hinted.add(queue)
      this.#waking.abort()
    })
    let lookedAt = Number.NEGATIVE_INFINITY
    let sweptAt = performance.now()
    let mendedAt = performance.now()
    /** Queues that failed, and until when they are left alone. */
    const resting = new Map<string, number>()
    while (!signal.aborted) {
      this.#waking = new AbortController()
      let isMore = false
      try {
        if (isUp()) {
          const now = performance.now()
          const queues = new Set(this.#hinted)
          this.#hinted.clear()
          if (now - lookedAt >= limits.relayMs) {
            lookedAt = now
            for (const queue of await queuesWithJobs(this.#options.shards())) queues.add(queue)
          }
          for (const queue of queues) {
            if (signal.aborted || !isUp()) break
            if ((resting.get(queue) ?? 0) > now) continue
            resting.delete(queue)
            try {
              if (!(await this.#relay(queue))) continue
              this.#hinted.add(queue)
              isMore = true
            } catch (error) {
              // One whose lane takes nothing keeps the others from nothing; and what it hands back is heard of, as if it were new.
              resting.set(queue, performance.now() + limits.relayMs)
              this.#tell(queue, error)
            }
          }
        }
        if (isUp() && performance.now() - mendedAt >= limits.lanesMs) {
          mendedAt = performance.now()
          await look()
        }
        if (performance.now() - sweptAt >= sweepMs) {
          sweptAt = performance.now()
          await sweep()
        }
        this.#troubled.delete(everything)
      } catch (error) {
        this.#tell(everything, error)
      }
      if (!isMore && !signal.aborted) await systemClock.sleep(limits.relayMs, this.#waking.signal)
    }
    await watch.close()
  }

  /** True when there may be more of this queue. */
  async #relay(queue: string): Promise<boolean> {
    const { postgres, publish, limits, shards } = this.#options
    const request = { queue, max: limits.relayJobsMax, leaseMs, holder: this.#options.holder() }
    const jobs = await postgres.take({ ...request, only: 'unkeyed' })
    if (jobs.length === 0) return false
    const none = (reason: unknown) => jobs.map((): PromiseSettledResult<unknown> => ({ status: 'rejected', reason }))
    const outcomes: readonly PromiseSettledResult<unknown>[] = await publish(jobs.map(relayed)).catch(none)
    const arrived = jobs.filter((_, i) => outcomes[i]?.status === 'fulfilled')
    const left = jobs.filter((_, i) => outcomes[i]?.status !== 'fulfilled')
    const backMs = arrived.length > 0 ? aloneMs : 0
    await Promise.all([
      handOver(postgres, shards(), arrived),
      ...left.map((job) => postgres.retry(job, backMs, 'it could not be relayed', true).catch(() => {})),
    ])
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (!failed) this.#troubled.delete(queue)
    else if (arrived.length === 0) throw failed.reason
    else this.#tell(queue, failed.reason)
    return true
  }

  #tell(queue: string, error: unknown): void {
    if (this.#troubled.has(queue)) return
    this.#troubled.add(queue)
    this.#options.log.warn(
      { err: error, ...(queue !== everything && { queue }) },
      `jobs could not be relayed, for now: ${describeError(error)}`,
    )
  }
}

function relayed(job: TakenJob): RelayedJob {
  const { id, queue, payload, priority, trace, attempt, publishedAt, isSuspect } = job
  return {
    job: { queue, body: JSON.stringify(payload), options: { priority }, trace },
    // The relay's own taking counted as one, and so did that of a relay that died.
    past: { id, publishedAt, attempts: Math.max(0, attempt - (isSuspect ? 2 : 1)), uniqueAt: uniqueAtOf(job) },
  }
}
