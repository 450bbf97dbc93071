// Which requests may be sent a second time, and how many in all.
//
// A request may be repeated when the first server cannot have acted on it (nothing of it was sent), or when acting on
// it twice is the same as once (RFC 9110, 9.2.2: safe and idempotent methods; or the client says so by an
// Idempotency-Key, draft-ietf-httpapi-idempotency-key-header); and only while the client has seen
// nothing of an answer and the whole body is still there. A time-out is not repeated: the server is slow, and asking
// the next one as well would double the load of whatever makes it so.
//
// The budget is that of Finagle (twitter.github.io/finagle, RetryBudget): retries are a share of the requests, so an
// outage multiplies load by at most 1 + ratio. Worked example: ratio 0.2, burst 10: after the first 10 retries at
// once, 100 further requests allow 20 more.

const repeatableMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

export interface Failure {
  /**
   * refused: no connection came about. reset: it ended before the answer did. timeout: the answer did not begin or
   * stood still. bad-answer: it was no HTTP. local: this process could not try (no descriptors left). unsendable: no
   * server can be asked this.
   */
  kind: 'refused' | 'reset' | 'timeout' | 'bad-answer' | 'local' | 'unsendable'
  /** False when certainly no byte of the request was sent. */
  wasSent: boolean
  reason: string
}

/** Whether doing it twice is the same as doing it once. */
export function isRepeatable(method: string, hasIdempotencyKey: boolean): boolean {
  return hasIdempotencyKey || repeatableMethods.has(method)
}

export function mayRepeat(failure: Failure, request: { isRepeatable: boolean; isBodyKept: boolean }): boolean {
  if (!request.isBodyKept || failure.kind === 'timeout' || failure.kind === 'unsendable') return false
  return !failure.wasSent || request.isRepeatable
}

export class RetryBudget {
  readonly #ratio: number
  readonly #burst: number
  #tokens: number

  constructor(ratio: number, burst: number) {
    this.#ratio = ratio
    this.#burst = burst
    this.#tokens = burst
  }

  /** For each request, when it comes. */
  deposit(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + this.#ratio)
  }

  /** For each retry; false when there must be none. */
  withdraw(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
