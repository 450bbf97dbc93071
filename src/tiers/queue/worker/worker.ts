// Works one queue off: takes jobs as fast as it can begin them, begins as many at once as it may, and tells the engine what
// became of each.
//
// It asks the engine again when it has room and there may be more: the last answer was full, somebody here published, the
// engine hints, a job of a key ended (the next of its key may come); or after a wait that doubles while there is nothing.

import { describeError, TenfoldError } from '../../../base/errors.ts'
import { runInTrace } from '../../../base/trace.ts'
import type { Handler, ManyHandler, Payload, TakenJob } from '../contract.ts'
import { type HandleTerms, pollMsMax, pollMsMin } from '../options.ts'
import type { WorkerContext } from './context.ts'
import { HeldJob } from './held-job.ts'
import { JobLine } from './job-line.ts'
import { Lookahead } from './lookahead.ts'
import { Outcomes, type RunEnd } from './outcome.ts'
import { NoQuarantine } from './quarantine/death.ts'
import { StartLimits } from './start-limits.ts'
import { tellJob } from './tell.ts'

/** Suspects that wait for quarantine; a queue that has more is taken from no further. */
const suspectsMax = 1000
/** ... and run there at once, of one queue. */
const suspectsAtOnceMax = 8
/**
 * Attempts beyond the last one that may end without a word. Whoever is killed with its worker, before it was its turn in
 * quarantine, did nothing wrong; what kills is found out there, and has no more attempts than it may.
 */
const silentAttemptsMax = 100
/** Outcomes that the engine has not heard yet; with more, nothing is taken. */
const untoldMax = 5000

/** What is done with jobs: one by one, or many in a call. */
export type Work = { one: Handler } | { many: ManyHandler }

interface Call {
  left: number
}

export class QueueWorker {
  readonly queue: string
  readonly terms: HandleTerms
  readonly work: Work
  /** What the payload must be, before its handler gets it. */
  readonly fit: ((payload: Payload) => Payload | Promise<Payload>) | undefined
  readonly #context: WorkerContext
  readonly #limits: StartLimits
  readonly #outcomes: Outcomes
  readonly #lookahead: Lookahead
  readonly #jobsPerCall: number
  readonly #waiting = new JobLine()
  readonly #running = new Map<HeldJob, Call>()
  readonly #suspects = new JobLine()
  readonly #late = new JobLine()
  readonly #quarantined = new Set<HeldJob>()
  readonly #untold = new Set<Promise<void>>()
  readonly #now: () => number
  #calls = 0
  #waking = new AbortController()
  #batchTimer: NodeJS.Timeout | undefined
  #pollMs = pollMsMin
  #mayHaveMore = true
  #isStopping = false
  #loop: Promise<void> | undefined

  constructor(
    context: WorkerContext,
    queue: string,
    work: Work,
    terms: HandleTerms,
    fit?: (payload: Payload) => Payload | Promise<Payload>,
  ) {
    this.#context = context
    this.queue = queue
    this.work = work
    this.terms = terms
    this.fit = fit
    this.#limits = new StartLimits(context, queue, terms)
    this.#outcomes = new Outcomes(context, terms)
    this.#jobsPerCall = 'many' in work ? terms.batchMax : 1
    this.#lookahead = new Lookahead(terms.concurrency * this.#jobsPerCall)
    this.#now = () => context.clock.monotonic()
  }

  /** Jobs that run here. */
  get inFlight(): number {
    return this.#running.size + this.#quarantined.size
  }

  /** Calls under way, as a share of those that may be. */
  get busy(): number {
    return this.#calls / this.terms.concurrency
  }

  /** All whose lease is ours. */
  *held(): Iterable<HeldJob> {
    yield* this.#waiting
    yield* this.#running.keys()
    yield* this.#suspects
    yield* this.#quarantined
    yield* this.#late
  }

  /** May be called twice, and after stop. Begins when `ready` has resolved. */
  start(ready: Promise<void> = Promise.resolve()): void {
    this.#isStopping = false
    this.#loop ??= ready.then(() => this.#work())
  }

  /** Something may have come. */
  hint(): void {
    this.#pollMs = pollMsMin
    this.#mayHaveMore = true
    this.#wake()
  }

  /** Aborts the signals of what runs, and hands back what has not ended in time, or not begun. */
  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#batchTimer)
    this.#batchTimer = undefined
    this.#wake()
    // A take may be under way for a while; nothing begins any more.
    const running = [...this.#running.keys(), ...this.#quarantined]
    for (const job of running)
      job.abort('draining', new TenfoldError('closed', 'the worker stops', { details: { isDrain: true } }))
    await this.#loop
    this.#loop = undefined
    for (const line of [this.#waiting, this.#suspects, this.#late])
      for (let job = line.shift(); job; job = line.shift()) {
        job.isSettled = true
        this.#track(this.#outcomes.handBack(job))
      }
    const giveUp = new AbortController()
    const ended = this.#idle(giveUp.signal)
    await Promise.race([ended, this.#context.clock.sleep(drainMs, giveUp.signal)])
    giveUp.abort()
    for (const job of running)
      this.end(job, { isFine: false, reason: new TenfoldError('closed', 'the worker stopped') })
    await Promise.all(this.#untold)
    if (!this.#limits.isUnlimited) await this.#limits.giveBack(0, 0).catch(() => {}) // it ends by itself
  }

  /** The run is over, or given up. Only the first word counts. */
  end(job: HeldJob, end: RunEnd): void {
    if (job.isSettled) return
    job.isSettled = true
    const call = this.#running.get(job)
    this.#running.delete(job)
    this.#quarantined.delete(job)
    const outcome = this.#outcomes.of(job, end)
    if (outcome) this.#track(job.key === undefined && end.isFine ? outcome : outcome.then(() => this.hint()))
    if (call && --call.left === 0) {
      this.#calls--
      this.#lookahead.note(this.#now() - job.startedAt)
    }
    this.#begin()
    if (!this.#limits.isUnlimited) this.#mayHaveMore = true // others may wait for what it had
    if (this.#mayHaveMore && this.#wantsMore()) this.#wake()
  }

  /** Leases were asked for anew: what waited for that begins, unless somebody else has it. */
  resume(): void {
    for (const job of this.#late.take(this.#late.size)) this.#lineOf(job).push(job)
    this.#begin()
  }

  keepSlots(): Promise<void> {
    return this.#limits.keep(this.#inHand)
  }

  async #work(): Promise<void> {
    while (!this.#isStopping) {
      const waking = new AbortController()
      this.#waking = waking
      const room = this.#room
      const pauseMs = room > 0 ? await this.#fill(room) : undefined
      if (this.#isStopping) return
      if (this.#mayHaveMore && pauseMs === undefined && this.#wantsMore()) continue
      await this.#context.clock.sleep(Math.min(pauseMs ?? pollMsMax, this.#pollMs), waking.signal)
    }
  }

  /** Answers how long there is nothing to take for sure. */
  async #fill(room: number): Promise<number | undefined> {
    const { engine, clock, holder, log } = this.#context
    const { leaseMs } = this.terms
    this.#mayHaveMore = false
    try {
      const grant = await this.#limits.grant(room, this.#inHand)
      if (grant.count === 0) {
        this.#pollMs = Math.min(this.#pollMs * 2, pollMsMax)
        return Math.max(1, grant.waitMs || pollMsMax)
      }
      const askedAt = clock.monotonic()
      const taken = await engine.take({ queue: this.queue, max: grant.count, leaseMs, holder })
      this.#pollMs = taken.length > 0 ? pollMsMin : Math.min(this.#pollMs * 2, pollMsMax)
      if (taken.length === grant.count) this.#mayHaveMore = true
      const begun = await this.#receive(taken, askedAt + leaseMs)
      this.#begin()
      if (begun < grant.count) await this.#limits.giveBack(grant.count - begun, this.#inHand)
    } catch (error) {
      this.#pollMs = Math.min(this.#pollMs * 2, pollMsMax)
      log.warn({ err: error, queue: this.queue }, `could not take jobs: ${describeError(error)}`)
      return pollMsMax
    }
    return undefined
  }

  /** Answers how many of them will run here. */
  async #receive(taken: readonly TakenJob[], leaseEndsAt: number): Promise<number> {
    const { attemptsMax } = this.terms
    const { quarantine } = this.#context
    const jobs = taken.map((job) => new HeldJob(job, leaseEndsAt, this.#now))
    const waits = await this.#limits.waitsOf(taken).catch((error) => {
      // Left alone they would wait for their leases' end, and be suspects then.
      for (const held of jobs) this.#track(this.#outcomes.handBack(held, pollMsMax, 'its limits could not be asked'))
      throw error
    })
    let count = 0
    for (const [i, held] of jobs.entries()) {
      const job = held.taken
      const waitMs = waits?.[i] ?? 0
      if (job.attempt > attemptsMax + (quarantine && job.isSuspect ? silentAttemptsMax : 0)) this.#bury(held)
      else if (waitMs > 0) this.#track(this.#outcomes.handBack(held, waitMs, 'the rate of its key'))
      else {
        this.#lineOf(held).push(held)
        count++
      }
    }
    return count
  }

  #begin(): void {
    if (this.#isStopping) return
    const { concurrency } = this.terms
    if ('one' in this.work)
      while (this.#calls < concurrency && this.#waiting.size > 0) this.#beginOne(this.work.one, this.#waiting.shift())
    else
      while (this.#calls < concurrency && this.#isBatchReady())
        this.#beginMany(this.work.many, this.#waiting.take(this.#jobsPerCall))
    const atOnce = Math.min(concurrency, suspectsAtOnceMax)
    while (this.#quarantined.size < atOnce && this.#suspects.size > 0) this.#beginSuspect(this.#suspects.shift())
  }

  #beginOne(handler: Handler, job: HeldJob | undefined): void {
    if (!job || this.#isGone(job) || this.#isLate(job)) return
    this.#calls++
    this.#running.set(job, { left: 1 })
    this.#startNow(job)
    const run = this.fit ? this.#fitted([job]).then(([it]) => it && called(handler, it)) : called(handler, job)
    run.then(
      () => this.end(job, fine),
      (reason: unknown) => this.end(job, { isFine: false, reason }),
    )
  }

  #beginMany(handler: ManyHandler, jobs: readonly HeldJob[]): void {
    const given = jobs.filter((job) => !this.#isGone(job) && !this.#isLate(job))
    if (given.length === 0) return
    this.#calls++
    const call = { left: given.length }
    for (const job of given) {
      this.#running.set(job, call)
      this.#startNow(job)
    }
    const fitted = this.fit ? this.#fitted(given) : Promise.resolve(given)
    fitted
      .then((those) => (those.length > 0 ? handler(those) : undefined))
      .then(
        () => {
          for (const job of given) this.end(job, job.failure ? { isFine: false, reason: job.failure.reason } : fine)
        },
        (reason: unknown) => {
          for (const job of given) this.end(job, { isFine: false, reason: job.failure?.reason ?? reason })
        },
      )
  }

  #beginSuspect(job: HeldJob | undefined): void {
    if (!job || this.#isGone(job) || this.#isLate(job)) return
    this.#quarantined.add(job)
    const run = this.#context.quarantine?.run(job, { leaseMs: this.terms.leaseMs, onStart: () => this.#startNow(job) })
    run?.then(
      () => this.end(job, fine),
      (reason: unknown) => {
        if (reason instanceof NoQuarantine) this.#runHere(job)
        else this.end(job, { isFine: false, reason, isHopeless: isHopeless(reason) })
      },
    )
  }

  /** Beside the others after all: it may take them down, but not for ever, since attempts are counted. */
  #runHere(job: HeldJob): void {
    if (!this.#quarantined.delete(job) || job.isSettled) return
    if (job.attempt > this.terms.attemptsMax) this.#bury(job)
    else this.#waiting.push(job)
    this.#begin()
  }

  #bury(job: HeldJob): void {
    const reason = `its worker died, or stood still, at attempt ${job.attempt - 1}, the last one`
    this.end(job, { isFine: false, reason: new TenfoldError('program-failed', reason), isHopeless: true })
  }

  #startNow(job: HeldJob): void {
    job.startedAt = this.#now()
    tellJob('taken', job)
  }

  /** Those that fit; the others are dead. */
  async #fitted(jobs: readonly HeldJob[]): Promise<HeldJob[]> {
    const fitting: HeldJob[] = []
    for (const job of jobs)
      try {
        job.payload = (await this.fit?.(job.taken.payload)) ?? job.taken.payload
        fitting.push(job)
      } catch (reason) {
        this.end(job, { isFine: false, reason, isHopeless: true })
      }
    return fitting
  }

  /** Lost or canceled while it waited. */
  #isGone(job: HeldJob): boolean {
    if (job.abortedWhy === undefined) return false
    this.end(job, { isFine: false, reason: job.signal.reason })
    return true
  }

  /** Its lease ended before it began, where servers or this process stood still: it waits until it was asked for anew, or is lost. */
  #isLate(job: HeldJob): boolean {
    if (this.#now() < job.leaseEndsAt) return false
    this.#late.push(job)
    return true
  }

  #lineOf({ taken }: HeldJob): JobLine {
    return taken.isSuspect && this.#context.quarantine ? this.#suspects : this.#waiting
  }

  #isBatchReady(): boolean {
    const { size, first } = this.#waiting
    if (!first) return false
    const waitMs = this.terms.batchWaitMs - (this.#now() - first.takenAt)
    if (size >= this.#jobsPerCall || waitMs <= 0) return true
    this.#batchTimer ??= setTimeout(() => {
      this.#batchTimer = undefined
      this.#begin()
    }, waitMs)
    return false
  }

  get #inHand(): number {
    return this.#running.size + this.#waiting.size + this.#quarantined.size + this.#suspects.size + this.#late.size
  }

  get #room(): number {
    if (this.#suspects.size >= suspectsMax || this.#untold.size >= untoldMax) return 0
    return this.#target - this.#running.size - this.#waiting.size - this.#late.size
  }

  /** So many in hand; with limits, none that cannot begin at once. */
  get #target(): number {
    const hands = this.terms.concurrency * this.#jobsPerCall
    return this.#limits.isUnlimited ? hands + this.#lookahead.jobs : hands
  }

  /** Half of what it may have, or it has nothing to begin: a take should be worth its round trip. */
  #wantsMore(): boolean {
    const room = this.#room
    return room > 0 && (this.#waiting.size === 0 || room >= this.#target / 2)
  }

  #track(outcome: Promise<void>): void {
    this.#untold.add(outcome)
    void outcome.then(() => this.#untold.delete(outcome))
  }

  async #idle(signal: AbortSignal): Promise<void> {
    while (this.inFlight > 0 && !signal.aborted) await this.#context.clock.sleep(5, signal)
  }

  #wake(): void {
    this.#waking.abort()
  }
}

const fine: RunEnd = { isFine: true }

function called(handler: Handler, job: HeldJob): Promise<void> {
  try {
    return Promise.resolve(runInTrace(job.trace, () => handler(job)))
  } catch (error) {
    return Promise.reject(error)
  }
}

function isHopeless(reason: unknown): boolean {
  return reason instanceof TenfoldError && reason.details['isHopeless'] === true
}
