// Which requests the oracle sends a second time: by the same rules as net/http1/forward.ts, and in code of its own.
//
// A request may be repeated when the first server cannot have acted on it (nothing of it was sent), or when acting on
// it twice is the same as once (RFC 9110, 9.2.2: safe and idempotent methods; or the client says so by an
// Idempotency-Key, draft-ietf-httpapi-idempotency-key-header); and only while the client has seen
// nothing of an answer and the whole body is still there. A time-out is not repeated: the server is slow, and asking
// the next one as well would double the load of whatever makes it so.

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
