// X-Request-Id: the caller's when it is a sane one, else our own. And the trace that a Traceparent header names.

import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Unique over processes by its random start, within one by counting: no random bytes are drawn per request. */
const prefix = randomBytes(9).toString('base64url')
let count = 0

export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id']
  // It is written into logs and answers: nothing that could break a line or grow without bound.
  if (typeof given === 'string' && /^[\w.:/+=-]{1,128}$/.test(given)) return given
  return `${prefix}-${(++count).toString(36)}`
}

/** A W3C Traceparent header (version 00), or undefined. */
export function traceparentOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const given = headers['traceparent']
  return typeof given === 'string' && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(given) ? given : undefined
}

/** The trace's id in it. */
export function traceIdOf(request: Pick<IncomingMessage, 'headers'>): string | undefined {
  return traceparentOf(request)?.slice(3, 35)
}
