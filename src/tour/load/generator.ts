// The open loop: at every due time one virtual user does one thing, however the earlier ones fare.

import { randomUUID } from 'node:crypto'
import { describeError, TenfoldError } from '../../base/errors.ts'
import { Semaphore, waitUntil } from '../../base/limits.ts'
import type { LoadClient } from './client.ts'
import type { Crowd } from './crowd.ts'
import { judge } from './judge.ts'
import { type OperationKind, pickKind } from './mix.ts'
import type { Operation } from './operation.ts'
import { reads } from './reads.ts'
import type { Recorder } from './record.ts'
import { runArrivals } from './schedule.ts'
import { writes } from './writes.ts'

export interface GeneratorOptions {
  ratePerSecond: number
  /** From the due time to the last byte of the answer. */
  timeoutMs: number
  /** Requests that were due and have no answer yet; one more counts as failed without being sent. */
  inFlightMax: number
  /** Leaves the writes out, e.g. to see what a fault does to requests that may always be repeated. */
  readsOnly?: boolean
}

export class Generator {
  readonly #client: LoadClient
  readonly #crowd: Crowd
  readonly #recorder: Recorder
  readonly #options: GeneratorOptions
  readonly #stop = new AbortController()
  #inFlight = 0
  #arrivals: Promise<void> = Promise.resolve()

  constructor(client: LoadClient, crowd: Crowd, recorder: Recorder, options: GeneratorOptions) {
    this.#client = client
    this.#crowd = crowd
    this.#recorder = recorder
    this.#options = options
  }

  start(): void {
    const { ratePerSecond } = this.#options
    this.#arrivals = runArrivals((dueAtMs) => void this.#perform(dueAtMs), this.#stop.signal, { ratePerSecond })
  }

  /** No arrival comes any more; resolves when the last answer is there. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#arrivals
    const { timeoutMs } = this.#options
    await waitUntil(() => this.#inFlight === 0, { what: 'the last answer', timeoutMs: timeoutMs + 5000 })
  }

  async #perform(dueAtMs: number): Promise<void> {
    const kind = pickKind(this.#crowd.random, this.#options.readsOnly)
    const dueMs = performance.timeOrigin + dueAtMs
    const settle = this.#recorder.due(kind, dueMs)
    const { request, isResent, failure } = await this.#attempt(kind, dueAtMs)
    const doneMs = performance.timeOrigin + performance.now()
    settle({ kind, request, dueMs, doneMs, isResent, ...(failure === undefined ? {} : { failure }) })
  }

  async #attempt(kind: OperationKind, dueAtMs: number) {
    const { inFlightMax, timeoutMs } = this.#options
    if (this.#inFlight >= inFlightMax)
      return { request: kind, isResent: false, failure: `not sent: ${inFlightMax} requests wait for an answer` }
    this.#inFlight++
    const operation = operationOf(kind, this.#crowd)
    const request = `${operation.request.method} ${operation.request.path}`
    try {
      const answer = await this.#client.send(operation.request, timeoutMs - (performance.now() - dueAtMs))
      const failure = judge(answer, operation)
      if (failure !== undefined) operation.doubt()
      return { request, isResent: answer.isResent, failure }
    } catch (error) {
      operation.doubt()
      return { request, isResent: false, failure: describeError(error) }
    } finally {
      this.#inFlight--
    }
  }
}

function operationOf(kind: OperationKind, crowd: Crowd): Operation {
  return { ...reads, ...writes }[kind](crowd)
}

export interface PrepareOptions {
  people: number
  photos: number
  followsPerPerson: number
  timeoutMs: number
}

const preparingConcurrency = 4

/** Signs the first users up, lets them follow and upload, so that there is something to look at. */
export async function prepareCrowd(client: LoadClient, crowd: Crowd, options: PrepareOptions): Promise<void> {
  const { people, photos, followsPerPerson, timeoutMs } = options
  const limit = new Semaphore(preparingConcurrency)
  const once = async (make: (crowd: Crowd) => Operation) => {
    const operation = make(crowd)
    const answer = await client.send(operation.request, timeoutMs)
    const failure = judge(answer, operation)
    const { method, path } = operation.request
    if (failure !== undefined)
      throw new TenfoldError('unavailable', `before the load starts, ${method} ${path} failed: ${failure}`)
  }
  const many = (count: number, make: (crowd: Crowd) => Operation) =>
    Promise.all(Array.from({ length: count }, () => limit.run(() => once(make))))
  await many(people, writes.signup)
  await many(people * followsPerPerson, writes.follow)
  await many(photos, writes.upload)
}

/** A name that makes one run's texts differ from every other one's. */
export function makeRunName(): string {
  return randomUUID().slice(0, 8)
}
