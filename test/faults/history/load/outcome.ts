// What an answer says about its operation: done, certainly not done, or nobody knows.

import { describeError, isTenfoldError } from '../../../../src/base/errors.ts'
import type { Answer } from '../../../../src/tour/load/client.ts'
import type { Outcome } from '../operation.ts'

const shownCharactersMax = 200

export interface Judged {
  outcome: Outcome
  failure?: string
}

/**
 * A 4xx and a 503 say "nothing was done", and are held to it. Every other error may come after the commit: a balancer's 502
 * and 504, `outcome-unknown`, an internal error.
 */
export function judgeAnswer({ status, body }: Answer): Judged {
  if (status >= 200 && status < 300) return { outcome: 'ok' }
  const text = body.toString('utf8', 0, shownCharactersMax)
  const code = /"code":"([a-z-]+)"/.exec(text)?.[1]
  const failure = code ?? `status ${status}: ${text}`
  return { outcome: status < 500 || status === 503 ? 'failed' : 'unknown', failure }
}

/** Nobody listened: nothing was sent. Any other end of the transport tells nothing. */
export function judgeError(error: unknown): Judged {
  const isRefused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
  const failure = isTenfoldError(error, 'timeout') ? 'no answer in time' : describeError(error)
  return { outcome: isRefused ? 'failed' : 'unknown', failure }
}
