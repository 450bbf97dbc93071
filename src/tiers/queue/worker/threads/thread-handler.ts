// A handler off the event loop: each job in a thread of its own of a pool, which a lost lease, a time-out or a cancel ends.
// A thread that runs out of memory or calls process.exit takes nothing else with it; its job has failed.

import { access } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MessageChannel } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import type { BesideThread, Handler, Job } from '../../contract.ts'
import type { FromThread, ThreadTask } from './protocol.ts'

/** Of one thread's JavaScript; images and buffers are not in it. */
const heapMbMax = 512
/** A thread that nobody needs is kept for so long. */
const idleMsMax = 60_000

export class ThreadHandler {
  readonly #file: URL
  readonly #threads: number
  readonly #beside: BesideThread
  readonly #heapMb: number
  #pool: Promise<Piscina> | undefined

  constructor(file: URL, threads: number, beside: BesideThread = {}, heapMb = heapMbMax) {
    this.#file = file
    this.#threads = threads
    this.#beside = beside
    this.#heapMb = heapMb
  }

  readonly handle: Handler = async (job) => {
    const { before, after } = this.#beside
    const given = await before?.(job)
    if (before && given === undefined) return
    const made = await this.#run(job, given)
    await after?.(job, made)
  }

  async #run(job: Job, given: unknown): Promise<unknown> {
    this.#pool ??= this.#open().catch((error) => {
      this.#pool = undefined
      throw error
    })
    const pool = await this.#pool
    const { port1: ours, port2: theirs } = new MessageChannel()
    const ending = new AbortController()
    const onAbort = () => {
      // A worker that drains leaves it time; whoever gave the job up does not.
      const { reason } = job.signal
      if (reason instanceof TenfoldError && reason.details['isDrain'] === true) ours.postMessage(describeError(reason))
      else ending.abort(reason)
    }
    ours.on('message', (said: FromThread) => {
      if (said.kind === 'progress') job.progress(said.value)
      else job.heartbeat()
    })
    ours.unref()
    if (job.signal.aborted) onAbort()
    else job.signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await pool.run(taskOf(this.#file, job, given, theirs), {
        name: 'runInThread',
        transferList: [theirs] as never, // its type is another overload's of postMessage
        signal: ending.signal,
      })
    } catch (error) {
      if (ending.signal.aborted) throw ending.signal.reason
      throw error
    } finally {
      job.signal.removeEventListener('abort', onAbort)
      ours.close()
    }
  }

  /** Ends its threads, whatever they do. May be called twice; the next job opens it again. */
  async close(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    // One that could not be opened has said so to its job.
    await (await pool?.catch(() => undefined))?.destroy()
  }

  async #open(): Promise<Piscina> {
    const path = fileURLToPath(this.#file)
    await access(path).catch((cause) => {
      throw new TenfoldError('bad-input', `there is no handler at ${path}`, { cause })
    })
    const { Piscina } = await import('piscina')
    return new Piscina({
      filename: fileURLToPath(new URL(`./run-in-thread${extname(import.meta.filename)}`, import.meta.url)),
      minThreads: 0,
      maxThreads: this.#threads,
      concurrentTasksPerWorker: 1,
      idleTimeout: idleMsMax,
      resourceLimits: { maxOldGenerationSizeMb: this.#heapMb },
    })
  }
}

function taskOf(file: URL, job: Job, given: unknown, port: ThreadTask['port']): ThreadTask {
  const { id, queue, payload, attempt, publishedAt, key, priority, trace } = job
  return { file: file.href, port, given, job: { id, queue, payload, attempt, publishedAt, key, priority, trace } }
}
