// Answers that the balancer gives itself, in the project's one JSON shape.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ErrorBody, ErrorCode } from '../../../../base/errors.ts'

export interface OwnAnswer {
  status: number
  code: ErrorCode
  message: string
  /** Left out where the client must not simply repeat the request. */
  retryAfterSeconds?: number
}

export interface AnswerContext {
  requestId: string
  lingerMs: number
  /** Resolves when nobody else reads the request's body any more. */
  released?: Promise<void> | undefined
}

/** Answers and, where the request's body is not read yet, reads and drops it for at most `lingerMs`. */
export function answerOwn(
  request: IncomingMessage,
  response: ServerResponse,
  answer: OwnAnswer,
  { requestId, lingerMs, released }: AnswerContext,
): void {
  const { status, code, message, retryAfterSeconds } = answer
  const body = JSON.stringify({ error: { code, message } } satisfies ErrorBody)
  const isWhole = request.complete
  // After a malformed request, or inside an unread body, nobody knows where the next request begins.
  if (status === 400 || !isWhole) response.shouldKeepAlive = false
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'X-Request-Id': requestId,
    ...(retryAfterSeconds !== undefined && { 'Retry-After': String(retryAfterSeconds) }),
  })
  if (isWhole) return void response.end(body)
  // Not `end` yet: it closes the connection, and with unread bytes in it the kernel resets it under the answer.
  response.write(body)
  dropRest(request, { lingerMs, released, onDone: () => response.end() })
}

/** Reads and drops what still comes of a body; after `lingerMs` the connection ends. */
export function dropRest(
  request: IncomingMessage,
  { lingerMs, released, onDone }: { lingerMs: number; released?: Promise<void> | undefined; onDone?: () => void },
): void {
  const timer = setTimeout(() => request.destroy(), lingerMs)
  const done = () => {
    clearTimeout(timer)
    onDone?.()
  }
  request.once('end', done)
  request.once('close', done)
  request.on('error', () => {})
  void Promise.resolve(released).then(() => request.resume())
}
