// Bounds on waiting. Every queue, wait and retry of ours has a limit with a name; these apply them.

import { type Clock, systemClock } from './clock.ts'
import { TenfoldError } from './errors.ts'

/** Settles as `promise` does, or rejects with `timeout` after `ms`. What the promise does afterwards is ignored. */
export async function withTimeout<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TenfoldError('timeout', `${what} took longer than ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, expired])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Asks `check` until it answers something other than undefined, null or false.
 * An error that `check` throws counts as "not yet" and becomes the cause of the time-out.
 */
export async function waitUntil<T>(
  check: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  options: { what: string; timeoutMs: number; intervalMs?: number; clock?: Clock; signal?: AbortSignal },
): Promise<T> {
  const { what, timeoutMs, intervalMs = 20, clock = systemClock, signal } = options
  const deadline = clock.monotonic() + timeoutMs
  let lastError: unknown
  for (;;) {
    try {
      const answer = await check()
      if (answer !== undefined && answer !== null && answer !== false) return answer
    } catch (error) {
      lastError = error
    }
    if (signal?.aborted) throw new TenfoldError('closed', `waiting for ${what} was given up`, { cause: lastError })
    if (clock.monotonic() >= deadline)
      throw new TenfoldError('timeout', `${what} did not happen within ${timeoutMs} ms`, { cause: lastError })
    await clock.sleep(intervalMs, signal)
  }
}

/** At most `limit` holders at once and `waitersMax` in line; the next one is refused with `overloaded`. */
export class Semaphore {
  #free: number
  readonly #waitersMax: number
  #waiters: Array<() => void> = []

  constructor(limit: number, waitersMax = Number.POSITIVE_INFINITY) {
    this.#free = limit
    this.#waitersMax = waitersMax
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else {
      if (this.#waiters.length >= this.#waitersMax)
        throw new TenfoldError(
          'overloaded',
          `already ${this.#waiters.length} waiting, the limit is ${this.#waitersMax}`,
        )
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
    try {
      return await work()
    } finally {
      const next = this.#waiters.shift()
      if (next) next()
      else this.#free++
    }
  }
}
