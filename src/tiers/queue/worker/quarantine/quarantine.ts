// A process beside the worker in which suspects run: jobs whose last attempt ended without a word. One of them may have
// killed its worker; if it does so again, it is only this process that dies.
//
// Most suspects are innocent: they were in the hands of a worker that was killed. So several run at once. When the process
// dies then, nobody knows whose fault it was, and each of those inside runs again, alone; who is alone in it when it dies was it.
// A process that does not answer for as long as a lease is killed: something in it never gives the event loop back.

import type { ChildProcess } from 'node:child_process'
import type { BaseLogger } from 'pino'
import { type Backoff, backoffMs } from '../../../../base/backoff.ts'
import type { Clock } from '../../../../base/clock.ts'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import type { Random } from '../../../../base/random.ts'
import type { HeldJob } from '../held-job.ts'
import { QuarantineDeath } from './death.ts'
import type { FromQuarantine, ToQuarantine, VisitingJob } from './protocol.ts'

/** Jobs inside at once. */
const insideMax = 16
const pingMs = 1000
/** How long an aborted run may go on before its process is killed. */
const endingMsMax = 2000
/** A process that nobody needs is kept for so long. */
const idleMsMax = 60_000
const startMsMax = 60_000
const startBackoff: Backoff = { baseMs: 500, capMs: 30_000 }

export interface QuarantineOptions {
  /** A new process that opens the app and serves jobs (serve.ts). */
  fork(): ChildProcess
  log: Pick<BaseLogger, 'warn' | 'error'>
  clock: Clock
  random: Random
}

interface Running {
  child: ChildProcess
  isReady: boolean
  startedAt: number
  heardAt: number
}

interface Visit {
  readonly number: number
  readonly job: HeldJob
  readonly leaseMs: number
  readonly onStart: () => void
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
  isAlone: boolean
  abortAskedAt: number
}

export class Quarantine {
  readonly #options: QuarantineOptions
  readonly #inside = new Map<number, Visit>()
  #waiting: Visit[] = []
  #next = 1
  #process: Running | undefined
  #failedStarts = 0
  #pausedUntil = 0
  #idleSince = 0
  #standsStill = ''
  #timer: NodeJS.Timeout | undefined

  constructor(options: QuarantineOptions) {
    this.#options = options
  }

  /** Settles as the job's handler does. @throws QuarantineDeath when it took its process down */
  run(job: HeldJob, { leaseMs, onStart }: { leaseMs: number; onStart: () => void }): Promise<void> {
    return new Promise((resolve, reject) => {
      const number = this.#next++
      this.#waiting.push({ number, job, leaseMs, onStart, resolve, reject, isAlone: false, abortAskedAt: 0 })
      // 100 ms: a lost lease, a time-out or a cancel reaches the process that late at most.
      this.#timer ??= setInterval(() => this.#look(), 100)
      this.#pump()
    })
  }

  /** Ends the process; what is inside or waits is rejected with `closed`. May be called twice, and followed by `run`. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    const closed = new TenfoldError('closed', 'the worker stops')
    const visits = [...this.#inside.values(), ...this.#waiting]
    this.#inside.clear()
    this.#waiting = []
    for (const { reject } of visits) reject(closed)
    const child = this.#process?.child
    this.#process = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL') // nothing that it does is wanted any more, and its jobs were handed back
    await gone
  }

  #pump(): void {
    const { clock } = this.#options
    if (this.#waiting.length === 0) return
    if (!this.#process && clock.monotonic() >= this.#pausedUntil) this.#start()
    const running = this.#process
    if (!running?.isReady || this.#standsStill) return
    for (let next = this.#waiting[0]; next && this.#hasRoomFor(next); next = this.#waiting[0]) {
      this.#waiting.shift()
      if (next.job.isSettled || next.job.abortedWhy !== undefined) {
        next.reject(next.job.signal.reason)
        continue
      }
      this.#inside.set(next.number, next)
      next.onStart()
      this.#send({ kind: 'run', visit: next.number, job: visitingJob(next.job) })
    }
  }

  #hasRoomFor(next: Visit): boolean {
    if (next.isAlone) return this.#inside.size === 0
    for (const { isAlone } of this.#inside.values()) if (isAlone) return false
    return this.#inside.size < insideMax
  }

  #start(): void {
    const { clock, fork } = this.#options
    const now = clock.monotonic()
    let child: ChildProcess
    try {
      child = fork()
    } catch (error) {
      this.#startFailed(describeError(error))
      return
    }
    const running = { child, isReady: false, startedAt: now, heardAt: now }
    this.#process = running
    this.#standsStill = ''
    child.on('message', (message) => {
      if (this.#process === running) this.#hear(message as FromQuarantine)
    })
    child.once('error', () => {}) // 'exit' follows, or it never was there and startMsMax ends the wait
    child.once('exit', (code, signal) => {
      if (this.#process !== running) return
      this.#process = undefined
      if (running.isReady) this.#died(code, signal)
      else this.#startFailed(signal ?? `exit code ${code}`)
    })
  }

  #startFailed(how: string): void {
    const { log, clock, random } = this.#options
    this.#process?.child.kill('SIGKILL')
    this.#process = undefined
    const pauseMs = backoffMs(this.#failedStarts++, startBackoff, random)
    this.#pausedUntil = clock.monotonic() + pauseMs
    log.error({}, `the process for suspect jobs did not start: ${how}; again in ${Math.ceil(pauseMs)} ms`)
  }

  #died(code: number | null, signal: NodeJS.Signals | null): void {
    const visits = [...this.#inside.values()]
    this.#inside.clear()
    const how = this.#standsStill || signal || `exit code ${code}`
    this.#standsStill = ''
    // It was killed for those that were aborted and did not end: beside other jobs they would have stood in their way.
    const aborted = visits.filter(({ abortAskedAt }) => abortAskedAt > 0)
    for (const { reject, job } of aborted) reject(new QuarantineDeath(describeError(job.signal.reason)))
    const others = visits.filter(({ abortAskedAt }) => abortAskedAt === 0)
    const [only] = others
    if (only && visits.length === 1) only.reject(new QuarantineDeath(how))
    else {
      for (const visit of others) visit.isAlone = true
      this.#waiting.unshift(...others)
    }
    if (visits.length > 0)
      this.#options.log.warn({ jobs: visits.map(({ job }) => job.id) }, `the process for suspect jobs died: ${how}`)
    this.#pump()
  }

  #hear(message: FromQuarantine): void {
    const running = this.#process
    if (!running) return
    running.heardAt = this.#options.clock.monotonic()
    if (message.kind === 'ready') {
      running.isReady = true
      this.#failedStarts = 0
      this.#pump()
    } else if (message.kind !== 'pong') this.#hearOf(message)
  }

  #hearOf(message: Exclude<FromQuarantine, { kind: 'ready' | 'pong' }>): void {
    const visit = this.#inside.get(message.visit)
    if (!visit) return
    if (message.kind === 'progress') visit.job.progress(message.value)
    if (message.kind === 'heartbeat') visit.job.heartbeat()
    if (message.kind !== 'ended') return
    this.#inside.delete(message.visit)
    const { failure } = message
    if (failure)
      visit.reject(new TenfoldError('program-failed', failure.message, { details: { isHopeless: failure.isHopeless } }))
    else visit.resolve()
    this.#pump()
  }

  /** Now and then: passes aborts on, kills what stands still, ends what nobody needs. */
  #look(): void {
    const now = this.#options.clock.monotonic()
    const running = this.#process
    this.#waiting = this.#waiting.filter(({ job, reject }) => {
      if (job.abortedWhy !== undefined) reject(job.signal.reason)
      return job.abortedWhy === undefined
    })
    if (!running) this.#pump()
    else if (running.isReady) this.#mind(running, now)
    else if (now - running.startedAt > startMsMax) this.#startFailed(`not ready within ${startMsMax} ms`)
  }

  #mind(running: Running, now: number): void {
    for (const visit of this.#inside.values()) this.#mindAbort(visit, running.child, now)
    if (this.#inside.size > 0 || this.#waiting.length > 0) this.#idleSince = now
    else if (now - this.#idleSince > idleMsMax) return void this.close()
    if (now - running.heardAt > pingMs && running.child.connected) this.#send({ kind: 'ping' })
    const patienceMs = Math.min(...[...this.#inside.values()].map(({ leaseMs }) => leaseMs))
    if (now - running.heardAt <= Math.max(patienceMs, pingMs * 3) || this.#standsStill) return
    this.#standsStill = `it gave the event loop back to nobody for ${Math.round(now - running.heardAt)} ms`
    running.child.kill('SIGKILL')
  }

  #mindAbort(visit: Visit, child: ChildProcess, now: number): void {
    const { job, number } = visit
    if (job.abortedWhy === undefined) return
    if (visit.abortAskedAt === 0) {
      visit.abortAskedAt = now
      this.#send({ kind: 'abort', visit: number, why: job.abortedWhy, reason: describeError(job.signal.reason) })
    } else if (job.abortedWhy !== 'draining' && now - visit.abortAskedAt > endingMsMax) child.kill('SIGKILL')
  }

  #send(message: ToQuarantine): void {
    // An error is that of a process that is gone; its exit tells.
    this.#process?.child.send(message, () => {})
  }
}

function visitingJob({ taken }: HeldJob): VisitingJob {
  const { publishedAt, key = null, trace = null, isSuspect: _, ...rest } = taken
  return { ...rest, publishedAtMs: publishedAt.getTime(), key, trace }
}
