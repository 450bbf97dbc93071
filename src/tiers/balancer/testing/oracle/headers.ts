// Headers on their way through. Framing is never copied: each side writes its own. What clients say about where they
// come from is not believed; it is written anew.

import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { rawValues, type Target, valuesOf } from './target.ts'

/** RFC 9110, 7.6.1, and what older agents send. They end at this hop. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Written by us, or believed by servers that do not know that a client wrote it. */
const writtenAnew = new Set([
  'host',
  'content-length',
  'expect',
  'forwarded',
  'x-real-ip',
  'x-request-id',
  'x-original-url',
  'x-rewrite-url',
  'proxy',
])

const soundRequestId = /^[A-Za-z0-9._:+/=-]{1,128}$/

/** The client's request id where it is sound, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const [id, ...others] = valuesOf(request, 'x-request-id')
  return id !== undefined && others.length === 0 && soundRequestId.test(id) ? id : randomUUID()
}

/** Flat list of names and values for the server, in the client's order and spelling. */
export function requestHeaders(request: IncomingMessage, target: Target, requestId: string): string[] {
  const nominated = nominatedBy(valuesOf(request, 'connection'))
  const headers = ['host', target.host]
  const raw = request.rawHeaders
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    const lower = name.toLowerCase()
    if (hopByHop.has(lower) || writtenAnew.has(lower) || nominated.has(lower)) continue
    // x_forwarded_for and x-forwarded-for become the same name in a CGI-like server, so names with _ are dropped.
    if (lower.startsWith('x-forwarded-') || lower.includes('_')) continue
    headers.push(name, raw[i + 1] as string)
  }
  const client = clientAddressOf(request)
  headers.push('x-forwarded-for', client, 'x-forwarded-proto', 'http', 'x-forwarded-host', target.host)
  headers.push('forwarded', `for=${forwardedNode(client)};host="${target.host}";proto=http`)
  headers.push('x-request-id', requestId)
  if (target.contentLength !== undefined) headers.push('content-length', String(target.contentLength))
  return headers
}

/** Flat list for the client. */
export function answerHeaders(
  raw: readonly string[],
  { status, requestId }: { status: number; requestId: string },
): string[] {
  const nominated = nominatedBy(rawValues(raw, 'connection'))
  const headers: string[] = []
  let hasRequestId = false
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    const lower = name.toLowerCase()
    if (hopByHop.has(lower) || lower === 'content-length' || nominated.has(lower)) continue
    if (lower === 'x-request-id') hasRequestId = true
    headers.push(name, raw[i + 1] as string)
  }
  if (!hasRequestId) headers.push('X-Request-Id', requestId)
  const length = contentLengthOf(raw)
  // With chunks the length is the framing's own; a 204 has none at all (RFC 9110, 8.6).
  if (length !== undefined && status !== 204) headers.push('Content-Length', String(length))
  return headers
}

/** The length of an answer, or undefined when it is chunked or ends with its connection. */
export function contentLengthOf(raw: readonly string[]): number | undefined {
  if (rawValues(raw, 'transfer-encoding').length > 0) return undefined
  const [length] = rawValues(raw, 'content-length')
  return length !== undefined && /^[0-9]{1,15}$/.test(length) ? Number(length) : undefined
}

/** Names that the sender's Connection header makes hop-by-hop. */
function nominatedBy(connection: readonly string[]): Set<string> {
  return new Set(connection.flatMap((line) => line.split(',')).map((name) => name.trim().toLowerCase()))
}

function clientAddressOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '')
}

/** RFC 7239, 6: an IPv6 address stands in brackets and quotes. */
function forwardedNode(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}
