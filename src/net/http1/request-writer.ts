// The head of a request as it goes to a server: first line and Host written anew, the fields that are kept as they came,
// then what this hop says.

import { SLASH } from './byte-classes.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { ClientOrigin } from './client-origin.ts'
import type { BodyKind } from './framing.ts'
import { copyFields, keptInRequests } from './kept-fields.ts'
import type { RequestHead } from './request-head.ts'

export function writeRequestHead(
  out: ByteWriter,
  head: RequestHead,
  { origin, requestId }: { origin: ClientOrigin; requestId: string },
  body: { bodyKind: BodyKind; contentLength: number },
): void {
  const { bytes, base, framing } = head
  out.text(head.method)
  const path = base + head.pathStart
  out.text(bytes[path] === SLASH && head.pathEnd > head.pathStart ? ' ' : ' /')
  out.put(bytes, path, base + head.pathEnd)
  out.text(' HTTP/1.1\r\nhost: ')
  out.put(bytes, base + head.hostStart, base + head.hostEnd)
  out.lineEnd()
  copyFields(out, head, keptInRequests, framing.nominated)
  origin.write(out, head)
  out.text('x-request-id: ')
  out.text(requestId)
  out.lineEnd()
  if (body.bodyKind === 'chunked') out.text('transfer-encoding: chunked\r\n')
  else if (body.contentLength >= 0) {
    out.text('content-length: ')
    out.decimal(body.contentLength)
    out.lineEnd()
  }
  if (head.expectsContinue) out.text('expect: 100-continue\r\n')
  if (head.isUpgrade) out.text('connection: upgrade\r\nupgrade: websocket\r\n')
  out.lineEnd()
}
