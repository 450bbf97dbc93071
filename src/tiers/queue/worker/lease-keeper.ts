// Looks after all jobs of a process at intervals: renews their leases, many in one statement; ends what has run too long or
// said nothing; asks which were canceled; writes how far they are. One timer for all: most jobs are over before it rings.
//
// A lease is renewed when a third of it is gone, so that two renewals may fail before it is lost. When it is, the signal
// aborts and the job is somebody else's. One that ends before its job began is asked for first: the job waits for that.

import { describeError, TenfoldError } from '../../../base/errors.ts'
import type { WorkerContext } from './context.ts'
import type { HeldJob } from './held-job.ts'
import { ProgressNotes } from './progress-notes.ts'
import { tellJob } from './tell.ts'
import type { QueueWorker } from './worker.ts'

const tickMsMin = 10
const tickMsMax = 250
/** How often it is asked whether jobs that run were canceled; those that have run for less are not asked for. */
const cancelLookMs = 500
const cancelLookJobsMax = 1000
/** Jobs of one renewal. */
const renewJobsMax = 1000
/** How long a run that was aborted may go on, before it counts as ended whatever it does. */
const endingMsMax = 5000

export class LeaseKeeper {
  readonly #context: WorkerContext
  readonly #progress: ProgressNotes
  /** `<queue>/<place>` of the leases that are being renewed. */
  readonly #renewing = new Set<string>()
  #workers: readonly QueueWorker[] = []
  #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #lookedAt = 0
  #isLooking = false

  constructor(context: WorkerContext) {
    this.#context = context
    this.#progress = new ProgressNotes(context)
  }

  /** May be called twice, and after stop. */
  start(workers: readonly QueueWorker[]): void {
    this.#workers = workers
    if (this.#loop) return
    this.#stopping = new AbortController()
    this.#loop = this.#work(this.#stopping.signal)
  }

  /** After the workers. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    this.#loop = undefined
    await this.#progress.write(true)
  }

  async #work(signal: AbortSignal): Promise<void> {
    const tickMs = tickMsOf(this.#workers)
    while (!signal.aborted) {
      await this.#context.clock.sleep(tickMs, signal)
      for (const worker of this.#workers) this.#look(worker)
      void this.#lookForCancels()
      void this.#progress.write()
    }
  }

  #look(worker: QueueWorker): void {
    const now = this.#context.clock.monotonic()
    const due: HeldJob[] = []
    const { leaseMs } = worker.terms
    for (const job of worker.held()) {
      if (job.isSettled) continue
      if (job.unwritten) this.#progress.note(job)
      this.#mindTime(worker, job, now)
      if (job.leaseEndsAt - now < (leaseMs * 2) / 3 && job.abortedWhy !== 'lost') due.push(job)
    }
    // Of each place apart: one that is away keeps its own jobs waiting for an answer, and no others.
    const byPlace = Map.groupBy(due, ({ taken }) => this.#context.engine.placeOf(taken))
    for (const [place, jobs] of byPlace) {
      const name = `${worker.queue}/${place}`
      if (!this.#renewing.has(name)) void this.#renew(worker, this.#newestOf(jobs), name)
    }
    void worker.keepSlots()
  }

  /** A process that stood still may have taken a job again that it has still in hand. */
  #newestOf(jobs: readonly HeldJob[]): HeldJob[] {
    const byId = new Map<string, HeldJob>()
    for (const job of jobs.slice(0, renewJobsMax)) {
      const other = byId.get(job.id)
      if (!other || other.nth < job.nth) byId.set(job.id, job)
      if (other) this.#lose(other.nth < job.nth ? other : job)
    }
    return [...byId.values()]
  }

  #mindTime(worker: QueueWorker, job: HeldJob, now: number): void {
    if (job.startedAt === 0) return
    const { timeoutMs, heartbeatMs } = worker.terms
    if (timeoutMs !== undefined && now - job.startedAt > timeoutMs)
      job.abort('timeout', new TenfoldError('timeout', `it took longer than ${timeoutMs} ms`))
    if (heartbeatMs !== undefined && now - Math.max(job.startedAt, job.heardAt) > heartbeatMs)
      job.abort('timeout', new TenfoldError('timeout', `it said nothing for ${heartbeatMs} ms`))
    // A worker that drains has its own limit.
    if (job.abortedAt === 0 || job.abortedWhy === 'draining' || now - job.abortedAt <= endingMsMax) return
    this.#context.log.warn(
      { queue: job.queue, job: job.id, attempt: job.attempt },
      'a job that was aborted goes on; a handler should end when its signal aborts',
    )
    worker.end(job, { isFine: false, reason: job.signal.reason })
  }

  async #renew(worker: QueueWorker, jobs: readonly HeldJob[], name: string): Promise<void> {
    const { engine, clock, log } = this.#context
    const { leaseMs } = worker.terms
    const askedAt = clock.monotonic()
    this.#renewing.add(name)
    try {
      const gone = await engine.renew(
        jobs.map(({ taken }) => taken),
        leaseMs,
      )
      const goneById = new Map(gone.map(({ job, why }) => [job.id, why]))
      for (const job of jobs) {
        const why = goneById.get(job.id)
        if (why === undefined) job.leaseEndsAt = askedAt + leaseMs
        else if (why === 'canceled') {
          job.leaseEndsAt = askedAt + leaseMs
          cancel(job)
        } else this.#lose(job)
      }
    } catch (error) {
      log.warn({ err: error, queue: worker.queue }, `could not renew ${jobs.length} leases: ${describeError(error)}`)
      const now = clock.monotonic()
      for (const job of jobs) if (now >= job.leaseEndsAt) this.#lose(job)
    } finally {
      this.#renewing.delete(name)
      worker.resume()
    }
  }

  #lose(job: HeldJob): void {
    if (job.isSettled || job.abortedWhy === 'lost') return
    const names = { queue: job.queue, job: job.id, attempt: job.attempt }
    this.#context.log.warn(names, 'the lease of a job was lost; somebody else has it')
    tellJob('lost', job)
    job.abort('lost', new TenfoldError('timeout', 'the lease was lost'))
  }

  async #lookForCancels(): Promise<void> {
    const { ledger, clock, log } = this.#context
    const now = clock.monotonic()
    if (!ledger || this.#isLooking || now - this.#lookedAt < cancelLookMs) return
    const running: HeldJob[] = []
    for (const worker of this.#workers)
      for (const job of worker.held())
        if (!job.isSettled && job.startedAt !== 0 && now - job.startedAt >= cancelLookMs) running.push(job)
    if (running.length === 0) return
    this.#lookedAt = now
    this.#isLooking = true
    try {
      // With more than these, each is asked for now and then.
      const asked = running.sort(() => this.#context.random.next() - 0.5).slice(0, cancelLookJobsMax)
      const canceled = await ledger.cancels.among(asked.map(({ id }) => id))
      for (const job of asked) if (canceled.includes(job.id)) cancel(job)
    } catch (error) {
      log.warn({ err: error }, `could not ask which jobs were canceled: ${describeError(error)}`)
    } finally {
      this.#isLooking = false
    }
  }
}

export function cancel(job: HeldJob): void {
  job.abort('canceled', new TenfoldError('closed', 'the job was canceled'))
}

/** Often enough for the shortest time that somebody asked for. */
function tickMsOf(workers: readonly QueueWorker[]): number {
  const limits = workers.flatMap(({ terms: { leaseMs, timeoutMs, heartbeatMs } }) => [
    leaseMs / 6,
    (timeoutMs ?? Number.POSITIVE_INFINITY) / 4,
    (heartbeatMs ?? Number.POSITIVE_INFINITY) / 4,
  ])
  return Math.max(tickMsMin, Math.min(tickMsMax, ...limits))
}
