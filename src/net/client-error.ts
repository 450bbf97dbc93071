// The answer to bytes that are no HTTP, or come too slowly: one JSON error, then the connection ends. What follows a
// malformed request on the same connection is never read: nobody knows where a next request would begin.

import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ErrorBody } from '../base/errors.ts'

export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  answering: Iterable<ServerResponse>,
): void {
  // What was written of an answer, it may be the refusal of this very request, still goes out.
  const isAnswering = Array.from(answering).some((response) => response.socket === socket && response.headersSent)
  if (isAnswering) socket.destroySoon()
  else if (!socket.writable) socket.destroy()
  else socket.write(clientErrorText(error), () => socket.destroy())
}

function clientErrorText(error: NodeJS.ErrnoException): string {
  const { status, code, message } = describe(error)
  const body = JSON.stringify({ error: { code, message } } satisfies ErrorBody)
  return [
    `HTTP/1.1 ${status}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}

function describe(error: NodeJS.ErrnoException): { status: string; code: string; message: string } {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        status: '431 Request Header Fields Too Large',
        code: 'too-large',
        message: 'the request headers are too large',
      }
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: '413 Payload Too Large', code: 'too-large', message: 'the chunk extensions are too large' }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: '408 Request Timeout', code: 'timeout', message: 'the request came too slowly' }
    default:
      return { status: '400 Bad Request', code: 'bad-input', message: `the request is not valid HTTP (${error.code})` }
  }
}
