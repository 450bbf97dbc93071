// The other side of quarantine.ts: a process that runs the jobs it is sent, with the app's own handlers.
//
// A watchdog thread ends the process when its worker is gone: a job that never gives the event loop back would stay for ever,
// since nothing else in here can notice.

import { Worker } from 'node:worker_threads'
import { describeError, isTenfoldError, TenfoldError } from '../../../../base/errors.ts'
import { runInTrace } from '../../../../base/trace.ts'
import type { Payload } from '../../contract.ts'
import { HeldJob } from '../held-job.ts'
import type { QueueWorker } from '../worker.ts'
import type { FromQuarantine, ToQuarantine, VisitingJob } from './protocol.ts'
import { takenJob } from './visiting-job.ts'

const watchdogMs = 500

/** Serves until the worker lets go of it. Call it when the app is open. */
export function serveQuarantine(workerOf: (queue: string) => QueueWorker | undefined): void {
  const visits = new Map<number, HeldJob>()
  const send = (message: FromQuarantine) => process.send?.(message)
  startWatchdog()
  process.on('disconnect', () => process.exit())
  process.on('message', (message: ToQuarantine) => {
    if (message.kind === 'ping') return send({ kind: 'pong' })
    if (message.kind === 'abort') {
      const code = message.why === 'timeout' || message.why === 'lost' ? 'timeout' : 'closed'
      return visits.get(message.visit)?.abort(message.why, new TenfoldError(code, message.reason))
    }
    const { visit } = message
    const job = new VisitingHeldJob(message.job, (said) => send({ ...said, visit }))
    visits.set(visit, job)
    void runJob(workerOf(message.job.queue), job).then((failure) => {
      visits.delete(visit)
      send(failure ? { kind: 'ended', visit, failure } : { kind: 'ended', visit })
    })
  })
  send({ kind: 'ready' })
}

/** How it failed, or undefined. */
async function runJob(
  worker: QueueWorker | undefined,
  job: HeldJob,
): Promise<{ message: string; isHopeless: boolean } | undefined> {
  try {
    if (!worker) throw new TenfoldError('not-found', `this app has no handler for queue ${job.queue}`)
    job.startedAt = performance.now()
    if (worker.fit) job.payload = await worker.fit(job.payload)
    const { work } = worker
    await runInTrace(job.trace, () => ('one' in work ? work.one(job) : work.many([job])))
    if (job.failure) throw job.failure.reason
    return undefined
  } catch (error) {
    return { message: describeError(error), isHopeless: isTenfoldError(error) && error.details['isHopeless'] === true }
  }
}

type Say = (said: { kind: 'progress'; value: number | Payload } | { kind: 'heartbeat' }) => void

/** What it says goes to the worker. */
class VisitingHeldJob extends HeldJob {
  readonly #say: Say

  constructor(job: VisitingJob, say: Say) {
    super(takenJob(job), Number.POSITIVE_INFINITY, () => performance.now())
    this.#say = say
  }

  override get progress(): (value: number | Payload) => void {
    return (value) => this.#say({ kind: 'progress', value })
  }

  override get heartbeat(): () => void {
    return () => this.#say({ kind: 'heartbeat' })
  }
}

function startWatchdog(): void {
  const source = `
    const { workerData } = require('node:worker_threads')
    setInterval(() => { if (process.ppid !== workerData.parent) process.kill(process.pid, 'SIGKILL') }, workerData.everyMs)`
  const watchdog = new Worker(source, {
    eval: true,
    execArgv: [],
    workerData: { parent: process.ppid, everyMs: watchdogMs },
  })
  watchdog.unref()
}
