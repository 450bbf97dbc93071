// What the access log knows of one request. Texts of the client are cut to a length, and are as the client wrote them.

import type { FinishedExchange } from '../../../net/http1/exchange.ts'
import type { RequestHead } from '../../../net/http1/request-head.ts'
import { clientAddressOf } from '../client-address.ts'

/** Of one text of a client; a head may have 16 KB of them. */
const charsMax = 2048

export interface LogEntry {
  atMs: number
  client: string
  method: string
  path: string
  protocol: string
  host: string
  referer: string
  userAgent: string
  status: number
  bodyBytes: number
  durationMs: number
  requestId: string
  /** The server that was asked last, how many were, and what a cache did; empty where there is nothing to say. */
  server: string
  attempts: number
  cache: string
}

export function entryOf({ exchange, status, durationMs, bodyBytesOut }: FinishedExchange, atMs: number): LogEntry {
  const { request, origin, notes, requestId } = exchange
  return {
    ...{ atMs, status, durationMs, requestId, bodyBytes: bodyBytesOut },
    client: clientAddressOf(request, origin),
    method: request.method.slice(0, charsMax),
    path: request.path.slice(0, charsMax),
    protocol: origin.isHttp2 ? 'HTTP/2.0' : `HTTP/1.${request.minorVersion}`,
    host: request.host.slice(0, charsMax),
    referer: fieldOf(request, 'referer'),
    userAgent: fieldOf(request, 'user-agent'),
    ...{ server: notes.server, attempts: notes.attempts, cache: notes.cache },
  }
}

function fieldOf(request: RequestHead, name: string): string {
  const index = request.find(name)
  return index < 0 ? '' : request.value(index).slice(0, charsMax)
}
