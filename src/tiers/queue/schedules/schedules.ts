// The schedules that this process's app has: looked at when they are due, and once a minute besides.
//
// Every process that works jobs off follows all of them, so nobody has to be chosen and nobody is missed: whoever comes first
// moves the schedule on and publishes in one transaction, the others find it moved on. A process whose clock is wrong only looks
// too early or too late, since what is due is due by the database's. A commit whose outcome is lost in a failover is no question
// either: the next look shows whether it counts.
//
// The database's clock may be wrong too, and be put right. What fired while it was ahead is due next at a time that is far off by
// then; so a look that finds a schedule due later than its expression says makes it due when it should be. No time fires twice
// that is known to have fired.
//
// A deploy that changes a definition takes the schedule over as soon as one of its processes starts. Processes of the other
// version then leave it alone, unless nobody of the new one has looked for a while: it was taken back.

import type { QueryExecutorProvider } from 'kysely'
import type { BaseLogger } from 'pino'
import type { Clock } from '../../../base/clock.ts'
import { describeError, TenfoldError } from '../../../base/errors.ts'
import type { Payload, PublishOptions, ScheduleOptions } from '../contract.ts'
import { checkJob, checkQueueName } from '../options.ts'
import type { KeptSchedule, ScheduleDefinition, ScheduleStore } from './contract.ts'
import { CronTimes } from './cron.ts'

const schedulesMax = 500
/** Between two looks at one that is not due. */
const lookMsMax = 60_000
/** One that no process of its definition has looked at for so long is taken over. */
const staleMs = 3 * lookMsMax
/** Clocks of two machines that take the database over from each other differ by less. */
const skewMsMax = 10_000
const retry = { baseMs: 500, capMs: 15_000 }

interface Schedule {
  definition: ScheduleDefinition
  options: ScheduleOptions
  times: CronTimes
}

export interface SchedulesOptions {
  store: ScheduleStore
  /** Publishes in a transaction, and answers the job's id. */
  publish(tx: QueryExecutorProvider, schedule: ScheduleOptions, dueAt: Date): Promise<string>
  log: Pick<BaseLogger, 'warn'>
  clock: Clock
}

export class Schedules {
  readonly #options: SchedulesOptions
  readonly #schedules = new Map<string, Schedule>()
  #stopping = new AbortController()
  #following: Promise<unknown> | undefined

  constructor(options: SchedulesOptions) {
    this.#options = options
  }

  /** @throws bad-input, too-large, conflict when the name is taken, or the schedules run already. */
  add(name: string, options: ScheduleOptions): void {
    checkQueueName(name)
    const { queue, cron, timeZone = 'UTC' } = options
    if (this.#following)
      throw new TenfoldError('conflict', `schedule('${name}') came after the workers had started: call it in setup`)
    if (this.#schedules.has(name)) throw new TenfoldError('conflict', `there is a schedule ${name} already`)
    if (this.#schedules.size >= schedulesMax)
      throw new TenfoldError('conflict', `there are ${schedulesMax} schedules already`)
    const times = new CronTimes(cron, timeZone)
    const job = jobOf(options, times.next(new Date()))
    checkJob(queue, job.payload, job.options)
    this.#schedules.set(name, { definition: { name, queue, cron, timeZone }, options, times })
  }

  /** May be called twice, and after stop. */
  start(): void {
    if (this.#following) return
    this.#stopping = new AbortController()
    const { signal } = this.#stopping
    this.#following = Promise.all([...this.#schedules.values()].map((schedule) => this.#follow(schedule, signal)))
  }

  /** Resolves when what was being published is, or is not. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#following
    this.#following = undefined
  }

  async #follow(schedule: Schedule, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    let isFirst = true
    for (let failures = 0; !signal.aborted; ) {
      let waitMs: number
      try {
        waitMs = await this.#turn(schedule, isFirst)
        isFirst = false
        failures = 0
      } catch (error) {
        waitMs = Math.min(retry.capMs, retry.baseMs * 2 ** failures++)
        const { name } = schedule.definition
        log.warn({ err: error, schedule: name }, `schedule ${name}: ${describeError(error)}`)
      }
      await clock.sleep(waitMs, signal)
    }
  }

  /** Answers how long until the next one. */
  async #turn({ definition, options, times }: Schedule, isFirst: boolean): Promise<number> {
    const { store, publish } = this.#options
    const { now, kept } = await store.look(definition.name)
    // Seen in a time that is still to come: the clock was ahead then, and how long nobody has been there counts from now.
    const isAhead = kept && kept.seenAt.getTime() - now.getTime() > skewMsMax
    if (isAhead) await store.seen(kept)
    if (!kept || !isSame(kept, definition)) {
      const isAbandoned = kept && now.getTime() - kept.seenAt.getTime() > staleMs
      if (kept && !isFirst && !isAbandoned) return lookMsMax
      // What nobody has looked at since counts too, when it is taken back from a version that is gone.
      await store.put(definition, times.next(kept && !isFirst ? kept.seenAt : now))
      return 0
    }
    const { nextAt } = kept
    if (nextAt > now) {
      const expected = nextOf(kept, times, now)
      if (nextAt > expected) {
        await store.advance(definition, { from: nextAt, to: expected })
        return 0
      }
      if (isFirst || now.getTime() - kept.seenAt.getTime() > lookMsMax / 2) await store.seen(definition)
      return Math.min(nextAt.getTime() - now.getTime(), lookMsMax)
    }
    const due = { dueAt: nextAt, nextAfter: (now: Date) => times.next(now) }
    await store.fire(definition, due, (tx) => publish(tx, options, nextAt))
    return 0
  }
}

/** When it should be due, whatever the clock said when that was reckoned. */
function nextOf({ firedAt, firedFor }: KeptSchedule, times: CronTimes, now: Date): Date {
  const aheadMs = firedAt ? firedAt.getTime() - now.getTime() : 0
  const next = times.next(firedAt && aheadMs > 0 && aheadMs <= skewMsMax ? firedAt : now)
  return next.getTime() === firedFor?.getTime() ? times.next(next) : next
}

function isSame(kept: KeptSchedule, { cron, timeZone }: ScheduleDefinition): boolean {
  return kept.cron === cron && kept.timeZone === timeZone
}

/** The job that it publishes for the time at which it was due. */
export function jobOf(
  { queue, payload = {}, priority, key }: ScheduleOptions,
  dueAt: Date,
): { queue: string; payload: Payload; options: PublishOptions } {
  return {
    queue,
    payload: typeof payload === 'function' ? payload(dueAt) : payload,
    options: { ...(priority !== undefined && { priority }), ...(key !== undefined && { key }) },
  }
}
