// The request with which the edge fetches what it may keep: the client's, less what belongs to that client's one exchange,
// and asking about what is kept already.

import { ByteWriter } from '../../net/http1/byte-writer.ts'
import { fieldKinds } from '../../net/http1/field-names.ts'
import type { RequestHead } from '../../net/http1/request-head.ts'
import { acceptedEncodings } from './compression/accept-encoding.ts'
import { joined } from './fields.ts'
import { readRequest } from './written-head.ts'

/**
 * Answered here from the whole, or said anew. What the client wants of caches is for the caches that it speaks to: its
 * `no-cache` must reach the next one, so Cache-Control stays.
 */
const leftOut = new Set(['range', 'if-range', 'if-none-match', 'if-modified-since', 'accept-encoding', 'cdn-loop'])

/** Used for each in turn: what is written is read, and copied, before the next. */
const out = new ByteWriter(4 * 1024)

export function fetchRequest(
  request: RequestHead,
  { host, target, condition, loop }: { host: string; target: string; condition: string; loop: string },
): RequestHead {
  const { bytes, framing } = request
  out.size = 0
  out.text(`GET ${target} HTTP/1.1\r\nhost: ${host}\r\n`)
  for (let i = 0; i < request.count; i++) {
    const kind = request.kinds[i] as number
    const isKept = kind === fieldKinds.other || isForwarding(kind) || kind === fieldKinds.date
    if (!isKept) continue
    const name = request.name(i)
    if (leftOut.has(name) || framing.nominated.includes(name)) continue
    out.put(bytes, request.nameStart(i), request.lineEnd(i))
  }
  const codings = joined(request, 'accept-encoding')
  if (codings !== undefined) out.text(`accept-encoding: ${acceptedEncodings(codings) || 'identity'}\r\n`)
  if (loop !== '') out.text(`cdn-loop: ${loop}\r\n`)
  out.text(condition)
  out.lineEnd()
  return readRequest(out.view())
}

/** Written anew when the request is sent; what a trusted peer said is continued there, so it must be here. */
function isForwarding(kind: number): boolean {
  return kind >= fieldKinds.forwarded && kind <= fieldKinds.xForwardedHost
}
