// What HAProxy answers itself, in the project's one JSON shape. Its log-format writes values into it: a percent sign of the
// text is doubled, and no value comes from the client.

import { quoted } from './text.ts'

export interface OwnText {
  status: number
  code: string
  message: string
}

export function errorJson({ code, message }: Pick<OwnText, 'code' | 'message'>): string {
  return `{"error":{"code":"${code}","message":"${message}"}}`
}

/**
 * A rule that refuses a request. The connection ends with it, since what follows on it may not mean what it seems to, unless
 * the client may as well come again on it (`retryAfterSeconds`).
 */
export function refuse(
  { status, code, message }: OwnText,
  condition: string,
  { retryAfterSeconds }: { retryAfterSeconds?: number } = {},
): string {
  const field = retryAfterSeconds === undefined ? 'Connection close' : `Retry-After ${retryAfterSeconds}`
  const body = quoted(errorJson({ code, message }))
  return `http-request return status ${status} content-type application/json string ${body} hdr ${field} if ${condition}`
}

/** What stands in for HAProxy's own pages. The codes are variables that the request has set, since a page cannot choose. */
export function errorPages(): string[] {
  const page = (status: number, code: string, message: string) =>
    `http-error status ${status} content-type application/json lf-string ${quoted(errorJson({ code, message }))}`
  return [
    page(400, 'bad-input', 'the request is malformed'),
    page(408, 'timeout', 'the request came too slowly'),
    page(413, 'too-large', 'the request body is too large'),
    page(422, 'bad-input', 'the Transfer-Encoding is not chunked'),
    page(500, 'unavailable', 'the balancer failed; try again'),
    page(502, '%[var(txn.code502)]', 'the server broke off'),
    page(503, '%[var(txn.code503)]', 'there is no server for this request now'),
    page(504, '%[var(txn.code504)]', 'the server did not answer in time'),
  ]
}
