// What can go wrong between this hop and a server, and what the client is told about it.

import type { OwnAnswer } from './answer-writer.ts'

export interface Failure {
  /**
   * refused: no connection came about. reset: it ended before the answer did. timeout: the answer did not begin, or stood
   * still. bad-answer: it was no HTTP. local: this process could not try (no descriptors left). full: every connection is
   * busy and nobody may wait, or waited long enough.
   */
  kind: 'refused' | 'reset' | 'timeout' | 'bad-answer' | 'local' | 'full'
  /** False when certainly no byte of the request was sent. */
  wasSent: boolean
  reason: string
}

const localCodes = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])

export function failureOf(error: NodeJS.ErrnoException, { wasSent }: { wasSent: boolean }): Failure {
  const isLocal = localCodes.has(error.code ?? '')
  return { kind: isLocal ? 'local' : wasSent ? 'reset' : 'refused', wasSent, reason: error.code ?? error.message }
}

/** The reason stays inside: it names private addresses. */
export function answerFor(
  { kind, wasSent }: Failure,
  { isRepeatable, retryAfterSeconds }: { isRepeatable: boolean; retryAfterSeconds: number },
): OwnAnswer {
  if (wasSent && !isRepeatable)
    return {
      status: kind === 'timeout' ? 504 : 502,
      code: 'outcome-unknown',
      message: 'a server had the request and its answer was lost; look whether it was done before you repeat it',
    }
  if (kind === 'full')
    return { status: 503, code: 'overloaded', message: 'every server is at its limit; try again', retryAfterSeconds }
  if (kind === 'timeout')
    return { status: 504, code: 'timeout', message: 'the server took too long to answer', retryAfterSeconds }
  return { status: 502, code: 'unavailable', message: 'no server could answer; try again', retryAfterSeconds }
}
