// One process of quarantine: started when somebody is to go in, told what to run, and killed when it stands still.

import type { ChildProcess } from 'node:child_process'
import type { BaseLogger } from 'pino'
import { type Backoff, backoffMs } from '../../../../base/backoff.ts'
import type { Clock } from '../../../../base/clock.ts'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import type { Random } from '../../../../base/random.ts'
import type { FromQuarantine, ToQuarantine } from './protocol.ts'
import type { Visit } from './visit.ts'
import { visitingJob } from './visiting-job.ts'

const pingMs = 1000
/** How long an aborted run may go on before its process is killed. */
const endingMsMax = 2000
/** A process that nobody needs is kept for so long. */
const idleMsMax = 60_000
const startMsMax = 60_000
const startBackoff: Backoff = { baseMs: 500, capMs: 30_000 }
/** Then its guests should not wait for it any longer. */
const failedStartsMax = 3

export interface CellOptions {
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

export interface CellListener {
  onRoom(): void
  /** With what was inside. */
  onDeath(visits: Visit[], how: string): void
}

export class Cell {
  readonly #options: CellOptions
  readonly #capacity: number
  readonly #listener: CellListener
  readonly #inside = new Map<number, Visit>()
  #process: Running | undefined
  #failedStarts = 0
  #pausedUntil = 0
  #idleSince = 0
  #standsStill = ''

  constructor(options: CellOptions, capacity: number, listener: CellListener) {
    this.#options = options
    this.#capacity = capacity
    this.#listener = listener
  }

  /** A process that was told to die takes nobody in. */
  get hasRoom(): boolean {
    return this.#process?.isReady === true && this.#standsStill === '' && this.#inside.size < this.#capacity
  }

  /** It was tried again and again, and will be tried again later. */
  get isOut(): boolean {
    return this.#failedStarts >= failedStartsMax && !this.#process
  }

  /** Since when it has been at what is inside; undefined while nothing is. */
  get busySince(): number | undefined {
    let since: number | undefined
    for (const { begunAt } of this.#inside.values()) since = Math.min(since ?? begunAt, begunAt)
    return since
  }

  /** Calls `onRoom` when it is there. May be called again and again. */
  start(): void {
    const { clock, fork } = this.#options
    const now = clock.monotonic()
    if (this.#process || now < this.#pausedUntil) return
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
    this.#idleSince = now
    child.on('message', (message) => {
      if (this.#process === running) this.#hear(running, message as FromQuarantine)
    })
    child.once('error', () => {}) // 'exit' follows, or it never was there and startMsMax ends the wait
    child.once('exit', (code, signal) => {
      if (this.#process !== running) return
      this.#process = undefined
      if (running.isReady) this.#died(signal ?? `exit code ${code}`)
      else this.#startFailed(signal ?? `exit code ${code}`)
    })
  }

  begin(visit: Visit): void {
    visit.begunAt = this.#options.clock.monotonic()
    this.#inside.set(visit.number, visit)
    visit.onStart()
    this.#send({ kind: 'run', visit: visit.number, job: visitingJob(visit.job) })
  }

  /** Now and then: passes aborts on, kills what stands still, ends what nobody needs. */
  look(): void {
    const running = this.#process
    if (!running) return
    const now = this.#options.clock.monotonic()
    if (!running.isReady) {
      if (now - running.startedAt > startMsMax) this.#startFailed(`not ready within ${startMsMax} ms`)
      return
    }
    for (const visit of this.#inside.values()) this.#mindAbort(visit, running.child, now)
    if (this.#inside.size > 0) this.#idleSince = now
    if (now - this.#idleSince > idleMsMax) void this.close()
    else this.#mindSilence(running, now)
  }

  /** What is inside is rejected with `closed`. */
  async close(): Promise<void> {
    const visits = [...this.#inside.values()]
    this.#inside.clear()
    for (const { reject } of visits) reject(new TenfoldError('closed', 'the worker stops'))
    const child = this.#process?.child
    this.#process = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL') // nothing that it does is wanted any more, and its jobs were handed back
    await gone
  }

  #hear(running: Running, message: FromQuarantine): void {
    running.heardAt = this.#options.clock.monotonic()
    if (message.kind === 'ready') {
      running.isReady = true
      this.#failedStarts = 0
      this.#listener.onRoom()
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
    this.#listener.onRoom()
  }

  #mindAbort(visit: Visit, child: ChildProcess, now: number): void {
    const { job, number } = visit
    if (job.abortedWhy === undefined) return
    if (visit.abortAskedAt === 0) {
      visit.abortAskedAt = now
      this.#send({ kind: 'abort', visit: number, why: job.abortedWhy, reason: describeError(job.signal.reason) })
    } else if (job.abortedWhy !== 'draining' && now - visit.abortAskedAt > endingMsMax) child.kill('SIGKILL')
  }

  #mindSilence(running: Running, now: number): void {
    const silentMs = now - running.heardAt
    if (silentMs > pingMs) this.#send({ kind: 'ping' })
    const patienceMs = Math.min(...Array.from(this.#inside.values(), ({ leaseMs }) => leaseMs))
    if (silentMs <= Math.max(patienceMs, pingMs * 3) || this.#standsStill) return
    this.#standsStill = `it gave the event loop back to nobody for ${Math.round(silentMs)} ms`
    running.child.kill('SIGKILL')
  }

  #died(how: string): void {
    const visits = [...this.#inside.values()]
    this.#inside.clear()
    const told = this.#standsStill || how
    this.#standsStill = ''
    if (visits.length > 0)
      this.#options.log.warn({ jobs: visits.map(({ job }) => job.id) }, `a process for suspect jobs died: ${told}`)
    this.#listener.onDeath(visits, told)
  }

  #startFailed(how: string): void {
    const { log, clock, random } = this.#options
    this.#process?.child.kill('SIGKILL')
    this.#process = undefined
    const pauseMs = backoffMs(this.#failedStarts++, startBackoff, random)
    this.#pausedUntil = clock.monotonic() + pauseMs
    log.error({}, `a process for suspect jobs did not start: ${how}; again in ${Math.ceil(pauseMs)} ms`)
  }

  #send(message: ToQuarantine): void {
    // An error is that of a process that is gone; its exit tells.
    if (this.#process?.child.connected) this.#process.child.send(message, () => {})
  }
}
