// The head of an answer as it goes to the client, and the answers that this hop gives itself.

import { STATUS_CODES } from 'node:http'
import type { ErrorBody } from '../../base/errors.ts'
import type { AnswerHead } from './answer-head.ts'
import type { ByteWriter } from './byte-writer.ts'
import { httpDate } from './http-date.ts'
import { copyFields, keptInAnswers } from './kept-fields.ts'
import type { Refusal } from './refusals.ts'

export type AnswerFraming = 'none' | 'length' | 'chunked' | 'until-close'

export interface AnswerLines {
  framing: AnswerFraming
  /** -1: no Content-Length is written. */
  contentLength: number
  /** Said even where HTTP/1.1 implies it: old clients and careful ones look for it. */
  connection: 'close' | 'keep-alive' | 'upgrade'
  requestId: string
}

const statusLineStart = 'HTTP/1.1 '
const dateField = 'date: '

/** `fields`: further ones of ours, finished lines. */
export function writeAnswerHead(out: ByteWriter, head: AnswerHead, lines: AnswerLines, fields = ''): void {
  writeStatusLine(out, head)
  copyFields(out, head, keptInAnswers, head.framing.nominated)
  if (fields !== '') out.text(fields)
  if (!head.hasRequestId) writeField(out, 'x-request-id: ', lines.requestId)
  if (!head.hasDate) writeField(out, 'date: ', httpDate())
  writeFraming(out, lines)
  out.lineEnd()
}

/** An interim answer (1xx): the fields and nothing of ours. */
export function writeInterimHead(out: ByteWriter, head: AnswerHead): void {
  writeStatusLine(out, head)
  copyFields(out, head, keptInAnswers, head.framing.nominated)
  out.lineEnd()
}

export interface OwnAnswer extends Refusal {
  /** Left out where the client must not simply repeat the request. */
  retryAfterSeconds?: number | undefined
}

/** Head and body of an answer of this hop's own, in the project's one JSON shape. Answers the bytes of its body. */
export function writeOwnAnswer(
  out: ByteWriter,
  { status, code, message, retryAfterSeconds }: OwnAnswer,
  { connection, requestId, isHead }: { connection: AnswerLines['connection']; requestId: string; isHead: boolean },
): number {
  const body = Buffer.from(JSON.stringify({ error: { code, message } } satisfies ErrorBody))
  out.text(`${statusLineStart}${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: application/json\r\n`)
  if (retryAfterSeconds !== undefined) writeField(out, 'retry-after: ', String(retryAfterSeconds))
  if (requestId !== '') writeField(out, 'x-request-id: ', requestId)
  writeField(out, 'date: ', httpDate())
  writeFraming(out, { framing: 'length', contentLength: body.length, connection, requestId })
  out.lineEnd()
  if (isHead) return 0
  out.put(body, 0, body.length)
  return body.length
}

/**
 * An answer whose fields are at hand as finished lines, `name: value\r\n` each: what a cache or a page of ours sends. Where
 * they begin with a Date, that is the answer's: a cache says when the server made it.
 */
export function writePlainHead(
  out: ByteWriter,
  { status, fields }: { status: number; fields: string },
  lines: AnswerLines,
): void {
  out.text(`${statusLineStart}${status} ${STATUS_CODES[status] ?? ''}\r\n`)
  out.text(fields)
  writeField(out, 'x-request-id: ', lines.requestId)
  if (!fields.startsWith(dateField)) writeField(out, dateField, httpDate())
  writeFraming(out, lines)
  out.lineEnd()
}

function writeStatusLine(out: ByteWriter, head: AnswerHead): void {
  const { bytes, base } = head
  if (head.reasonStart > 0 && head.minorVersion === 1) out.put(bytes, base, base + head.reasonEnd)
  else {
    out.text(statusLineStart)
    out.decimal(head.status)
    out.text(' ')
    if (head.reasonStart > 0) out.put(bytes, base + head.reasonStart, base + head.reasonEnd)
  }
  out.lineEnd()
}

function writeFraming(out: ByteWriter, { framing, contentLength, connection }: AnswerLines): void {
  if (framing === 'chunked') out.text('transfer-encoding: chunked\r\n')
  else if (contentLength >= 0) {
    out.text('content-length: ')
    out.decimal(contentLength)
    out.lineEnd()
  }
  if (connection === 'upgrade') out.text('connection: upgrade\r\nupgrade: websocket\r\n')
  else writeField(out, 'connection: ', connection)
}

function writeField(out: ByteWriter, name: string, value: string): void {
  out.text(name)
  out.text(value)
  out.lineEnd()
}
