// Heads that this cache writes itself, read by the same parser as all others: what the engine checks is checked once.

import { STATUS_CODES } from 'node:http'
import { TenfoldError } from '../../base/errors.ts'
import { AnswerHead } from '../../net/http1/answer-head.ts'
import type { HeadLimits } from '../../net/http1/head-parser.ts'
import { defaultUpstreamLimits } from '../../net/http1/limits.ts'
import { RequestHead } from '../../net/http1/request-head.ts'

/** What was taken from a message within its limits, and what is said beside it, fits. */
const headLimits: HeadLimits = {
  headerBytesMax: 2 * defaultUpstreamLimits.headerBytesMax,
  headerFieldsMax: defaultUpstreamLimits.headerFieldsMax + 16,
}

/** `bytes` -1: nobody knows yet how long the body is. `isHead`: none follows, whatever the length. */
export function writeAnswer(
  { status, lines, bytes }: { status: number; lines: string; bytes: number },
  { isHead = false }: { isHead?: boolean } = {},
): AnswerHead {
  const hasNoBody = status === 204 || status === 304
  const framing = hasNoBody ? '' : bytes < 0 ? 'transfer-encoding: chunked\r\n' : `content-length: ${bytes}\r\n`
  const text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines}${framing}\r\n`
  return readAnswer(Buffer.from(text, 'latin1'), isHead)
}

function readAnswer(bytes: Buffer, isHead: boolean): AnswerHead {
  const head = new AnswerHead(headLimits)
  head.read(bytes, 0, bytes.length)
  const refusal = head.refusal ?? (head.isDone ? head.understand(isHead) : undefined)
  if (refusal !== undefined || !head.isDone) throw malformed(refusal?.message)
  return head
}

/** Heads that are used again: their tables are memory outside of the heap, which is dear to make for each request. */
const idle: RequestHead[] = []
const idleMax = 256

/** Copies the bytes. Whoever is done with the head gives it back by `releaseRequest`, once, and looks at it no more. */
export function readRequest(bytes: Buffer): RequestHead {
  const head = idle.pop() ?? new RequestHead(headLimits)
  head.reset()
  head.read(bytes, 0, bytes.length)
  const refusal = head.refusal ?? (head.isDone ? head.understand() : undefined)
  if (refusal !== undefined || !head.isDone) throw malformed(refusal?.message)
  head.own()
  return head
}

export function releaseRequest(head: RequestHead): void {
  if (idle.length < idleMax) idle.push(head)
}

function malformed(reason = 'it has no end'): TenfoldError {
  return new TenfoldError('bad-input', `a head that the edge wrote cannot be read: ${reason}`)
}
