// A job in this process's hands, from taking it to giving it up: what its handler is given, and what its worker knows of it.
//
// States: waits (taken, not begun) -> runs -> settled. Nothing that costs is made before somebody asks for it: a worker of
// trivial jobs holds ten thousands a second.

import type { TenfoldError } from '../../../base/errors.ts'
import type { BatchJob, Payload, TakenJob } from '../contract.ts'

/** lost: somebody else may have it. draining: the worker stops. */
export type AbortWhy = 'lost' | 'canceled' | 'timeout' | 'draining'

let newest = 0

export class HeldJob implements BatchJob {
  /** Which of two that have one id was taken later: the former one's lease was lost unnoticed. */
  readonly nth = ++newest
  readonly taken: TakenJob
  readonly id: string
  readonly queue: string
  readonly attempt: number
  readonly publishedAt: Date
  readonly key: string | undefined
  readonly priority: number
  readonly trace: string | undefined
  /** That of the schema, where the queue has one. */
  payload: Payload
  readonly takenAt: number
  /** When somebody else gets it, by this process's clock. */
  leaseEndsAt: number
  /** 0 while it waits. */
  startedAt = 0
  heardAt = 0
  isSettled = false
  abortedWhy: AbortWhy | undefined
  abortedAt = 0
  /** What `fail` was given. */
  failure: { reason: unknown } | undefined
  /** What was said and is not written yet. */
  unwritten: { value: number | Payload } | undefined
  #aborting: AbortController | undefined
  #reason: TenfoldError | undefined
  readonly #now: () => number

  constructor(taken: TakenJob, leaseEndsAt: number, now: () => number) {
    this.taken = taken
    this.id = taken.id
    this.queue = taken.queue
    this.attempt = taken.attempt
    this.publishedAt = taken.publishedAt
    this.key = taken.key
    this.priority = taken.priority
    this.trace = taken.trace
    this.payload = taken.payload
    this.leaseEndsAt = leaseEndsAt
    this.#now = now
    this.takenAt = now()
  }

  get signal(): AbortSignal {
    if (!this.#aborting) {
      this.#aborting = new AbortController()
      if (this.#reason) this.#aborting.abort(this.#reason)
    }
    return this.#aborting.signal
  }

  // Bound to the job, since handlers take them apart: async ({ payload, progress }) => ...
  get progress(): (value: number | Payload) => void {
    return (value) => {
      this.heardAt = this.#now()
      this.unwritten = { value }
    }
  }

  get heartbeat(): () => void {
    return () => {
      this.heardAt = this.#now()
    }
  }

  get fail(): (reason: unknown) => void {
    return (reason) => {
      this.failure ??= { reason }
    }
  }

  /** Its first reason stays, but for a lease that is lost later: then nothing more may be said of the job. */
  abort(why: AbortWhy, reason: TenfoldError): void {
    if (this.isSettled || (this.abortedWhy !== undefined && why !== 'lost')) return
    this.abortedWhy = why
    this.abortedAt ||= this.#now()
    this.#reason ??= reason
    this.#aborting?.abort(this.#reason)
  }
}
