// What a balancer reads from a request to choose its server: a hash of what the algorithm is told to hash, and cookies.

import type { Exchange } from '../../../../net/http1/exchange.ts'
import type { RequestHead } from '../../../../net/http1/request-head.ts'
import { hashOfBytes, hashOfText } from '../../algorithms/text-hash.ts'
import { clientAddressOf } from '../../client-address.ts'
import type { Upstreams } from '../../contract.ts'

const QUESTION = 63

export function hashOf({ request, origin }: Exchange, { algorithm, sticky, hashOn }: Upstreams): number {
  if (sticky === 'ip' || algorithm === 'ip-hash') return hashOfText(clientAddressOf(request, origin))
  if (hashOn.by === 'header') {
    const index = request.find(hashOn.name.toLowerCase())
    if (index >= 0) return hashOfBytes(request.bytes, request.valueStart(index), request.valueEnd(index))
  } else if (hashOn.by === 'cookie') {
    const value = cookieOf(request, hashOn.name)
    if (value !== undefined) return hashOfText(value)
  }
  return hashOfPath(request)
}

/** Without the query: what a server keeps of a thing is good for all questions about it. */
function hashOfPath(request: RequestHead): number {
  const { bytes, base } = request
  const start = base + request.pathStart
  const end = base + request.pathEnd
  const query = bytes.subarray(start, end).indexOf(QUESTION)
  return hashOfBytes(bytes, start, query < 0 ? end : start + query)
}

/** The first cookie of that name (RFC 6265, 5.4 sends the more specific one first). */
export function cookieOf(request: RequestHead, name: string): string | undefined {
  for (let index = request.find('cookie'); index >= 0; index = request.find('cookie', index + 1))
    for (const pair of request.value(index).split(';')) {
      const equals = pair.indexOf('=')
      if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
    }
  return undefined
}
