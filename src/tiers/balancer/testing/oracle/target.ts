// Strict reading of a request's head: what node:http lets through although two readers could understand it
// differently is refused here with 400, before any server sees it.

import type { IncomingMessage } from 'node:http'
import { TenfoldError } from '../../../../base/errors.ts'
import { isRepeatable } from './repeat.ts'

export interface Target {
  method: string
  /** Path and query, as the client wrote them. */
  path: string
  host: string
  /** Undefined when there is no body, or it is chunked. */
  contentLength: number | undefined
  isChunked: boolean
  /** Doing it twice is the same as doing it once. */
  isRepeatable: boolean
}

const hostPattern = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::[0-9]{1,5})?$/
const pathPattern = /^\/[\x21\x22\x24-\x7e]*$/ // printable ASCII without the number sign

/** @throws bad-input when the head is not one that every reader understands alike. */
export function targetOf(request: IncomingMessage): Target {
  const { httpVersion, method = '', url = '' } = request
  const refuse = (what: string) => new TenfoldError('bad-input', `the request has ${what}`)
  if (httpVersion !== '1.1' && httpVersion !== '1.0') throw refuse(`the HTTP version ${httpVersion}`)
  if (method === 'TRACE' || method === 'CONNECT') throw refuse(`the method ${method}, which is not served`)

  const hosts = valuesOf(request, 'host')
  const [absoluteHost, path] = splitTarget(url)
  const host = absoluteHost ?? hosts[0] ?? ''
  if (hosts.length !== 1) throw refuse(`${hosts.length} Host headers instead of one`)
  if (!hostPattern.test(host) || !hostPattern.test(hosts[0] ?? '')) throw refuse('a Host that is no host name')
  if (!pathPattern.test(path)) throw refuse('a target that is no path')

  const codings = valuesOf(request, 'transfer-encoding')
  const lengths = valuesOf(request, 'content-length')
  if (codings.length > 0) {
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked')
      throw refuse('a Transfer-Encoding other than chunked')
    if (httpVersion === '1.0') throw refuse('a Transfer-Encoding in HTTP/1.0')
    if (lengths.length > 0) throw refuse('both Transfer-Encoding and Content-Length')
  }
  if (lengths.length > 1) throw refuse('more than one Content-Length')
  const [length] = lengths
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) throw refuse('a Content-Length that is no number')
  return {
    method,
    path,
    host,
    contentLength: length === undefined ? undefined : Number(length),
    isChunked: codings.length > 0,
    isRepeatable: isRepeatable(method, request.headers['idempotency-key'] !== undefined),
  }
}

/** Absolute form (RFC 9112, 3.2.2): the target's own host wins over the Host header. */
function splitTarget(url: string): [string | undefined, string] {
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/is.exec(url)
  if (!absolute) return [undefined, url]
  const [, authority = '', rest = ''] = absolute
  return [authority, rest.startsWith('/') ? rest : `/${rest}`]
}

/** Every line of one header, as it came: node joins or drops repeated ones. */
export function valuesOf(request: IncomingMessage, name: string): string[] {
  return rawValues(request.rawHeaders, name)
}

/** The same in a flat list of names and values; `name` in small letters. */
export function rawValues(raw: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) if (raw[i]?.toLowerCase() === name) values.push(raw[i + 1] as string)
  return values
}
