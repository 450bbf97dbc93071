// When a caller stops waiting: after `withinMs`, or when its signal aborts, whichever comes first. Once.

import { TenfoldError } from '../../base/errors.ts'
import type { Terms } from './terms.ts'

/** The longest that setTimeout can wait. */
const timerMsMax = 2 ** 31 - 1

export class Deadline {
  readonly #signal: AbortSignal | undefined
  readonly #onExpired: (reason: TenfoldError) => void
  #timer: NodeJS.Timeout | undefined

  constructor({ withinMs, signal }: Terms, onExpired: (reason: TenfoldError) => void) {
    this.#signal = signal
    this.#onExpired = onExpired
    if (withinMs !== undefined)
      this.#timer = setTimeout(() => this.#expire(lateAfter(withinMs)), Math.min(withinMs, timerMsMax))
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Undefined for terms without an end, which most have. @throws timeout when the signal has aborted already. */
  static of(terms: Terms, onExpired: (reason: TenfoldError) => void): Deadline | undefined {
    if (terms.withinMs === undefined && terms.signal === undefined) return undefined
    if (terms.signal?.aborted) throw abortedBy(terms.signal)
    return new Deadline(terms, onExpired)
  }

  /** Nobody waits any more. May be called twice. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = () => this.#expire(abortedBy(this.#signal as AbortSignal))

  #expire(reason: TenfoldError): void {
    this.clear()
    this.#onExpired(reason)
  }
}

function lateAfter(ms: number): TenfoldError {
  return new TenfoldError(
    'timeout',
    `the database did not answer within the ${ms} ms that were given; nothing was written`,
  )
}

function abortedBy({ reason }: AbortSignal): TenfoldError {
  return new TenfoldError('timeout', 'the caller gave up waiting for the database; nothing was written', {
    cause: reason,
  })
}
