// Whoever publishes, over the network: some lanes, each with keys of its own, one request after the other, so that the order of a
// key's jobs is known. A request is sent again until it is answered: by its Idempotency-Key, or by the ids of its jobs, it counts
// once. One that has neither is sent once: when its answer is not that it was done, nobody knows what became of its jobs.

import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '../../../../src/base/limits.ts'
import { type Random, seededRandom } from '../../../../src/base/random.ts'
import type { AskedJob } from '../history/run.ts'
import type { How, PublishRequest } from './app/app.ts'

const lanes = 6
const keysPerLaneMin = 4
/** Of so many jobs a lane has a key more: they come one after the other, and many would take long. */
const jobsPerKey = 2500
const jobsPerRequestMax = 20
const answerMsMax = 120_000
const requestMsMax = 30_000
/** How they publish, and how much of it; the rest is `plain`. */
const parts: ReadonlyArray<[How, number]> = [
  ['rolled-back', 0.05],
  ['with-ids', 0.25],
  ['in-transaction', 0.4],
]
/** What the app answers when it has rolled back as it was asked to. */
const rolledBackStatus = 418

export interface PublishersOptions {
  baseUrl: string
  seed: number
  /** At least so many, and on until `isOver`. */
  jobsMin: number
  /** Of a lane, between two requests. */
  pauseMs: number
  isOver(): boolean
  /** Ends it at once. */
  signal: AbortSignal
}

/** Everything that was asked for, when all of it is answered. */
export async function publishAll(options: PublishersOptions): Promise<AskedJob[]> {
  const publishers = new Publishers(options)
  await Promise.all(Array.from({ length: lanes }, (_, lane) => publishers.work(lane)))
  return publishers.jobs
}

class Publishers {
  readonly jobs: AskedJob[] = []
  readonly #options: PublishersOptions
  readonly #keysPerLane: number
  #requests = 0

  constructor(options: PublishersOptions) {
    this.#options = options
    this.#keysPerLane = Math.max(keysPerLaneMin, Math.ceil(options.jobsMin / jobsPerKey))
  }

  async work(lane: number): Promise<void> {
    const { seed, jobsMin, pauseMs, isOver, signal } = this.#options
    const random = seededRandom(seed + lane)
    while (!signal.aborted && (this.jobs.length < jobsMin || !isOver())) {
      await this.#publish(lane, random)
      await sleep(random.int(2 * pauseMs + 1))
    }
  }

  async #publish(lane: number, random: Random): Promise<void> {
    const how = howOf(random.next())
    const keys = Array.from({ length: 1 + random.int(jobsPerRequestMax) }, () =>
      random.int(3) === 0 ? null : `lane-${lane}-${random.int(this.#keysPerLane)}`,
    )
    const first = this.jobs.length
    const numbers = keys.map((_, i) => first + i)
    const fate = how === 'rolled-back' ? 'rolled-back' : 'unknown'
    const asked = keys.map((key, i): AskedJob => ({ n: first + i, key: key ?? undefined, fate }))
    this.jobs.push(...asked)
    const request = { numbers, keys, how }
    const isDone = await (how === 'plain' ? this.#sendOnce(request) : this.#send(request))
    if (isDone && how !== 'rolled-back') for (const job of asked) job.fate = 'published'
  }

  async #sendOnce(request: PublishRequest): Promise<boolean> {
    const said = await this.#ask(request).catch(() => undefined)
    return said?.status === 200
  }

  async #send(request: PublishRequest): Promise<true> {
    const key = `publish-${this.#requests++}`
    const expected = request.how === 'rolled-back' ? rolledBackStatus : 200
    let last = ''
    const sent = waitUntil(
      async () => {
        const { status, text } = await this.#ask(request, { 'idempotency-key': key })
        last = `${status} ${text}`
        return status === expected
      },
      { what: `the answer to ${key}, ${request.how}`, timeoutMs: answerMsMax, intervalMs: 100 },
    )
    await sent.catch((error: unknown) => {
      throw new Error(`the last answer was ${last}`, { cause: error })
    })
    return true
  }

  async #ask(request: PublishRequest, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
    const answer = await fetch(`${this.#options.baseUrl}/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(requestMsMax),
    })
    return { status: answer.status, text: await answer.text() }
  }
}

function howOf(dice: number): How {
  let upTo = 0
  for (const [how, part] of parts) {
    upTo += part
    if (dice < upTo) return how
  }
  return 'plain'
}
