// The head of an answer as fields of HTTP/2: names and values in turn, as node:http2 takes them.

import type { OutgoingHttpHeaders } from 'node:http2'
import type { AnswerHead } from '../http1/answer-head.ts'
import type { OwnAnswer } from '../http1/answer-writer.ts'
import type { FieldBlock } from '../http1/field-block.ts'
import { httpDate } from '../http1/http-date.ts'
import { type KeptKinds, keptInAnswers, keptInTrailers } from '../http1/kept-fields.ts'

/** A server's answer. What belongs to its connection stays there. `lines`: further fields of this hop, finished. */
export function answerFields(head: AnswerHead, requestId: string, lines = ''): string[] {
  const fields = [':status', String(head.status)]
  const { contentLength, nominated } = head.framing
  addFields(fields, head, keptInAnswers, nominated)
  addLines(fields, lines)
  if (!head.hasRequestId) fields.push('x-request-id', requestId)
  if (!head.hasDate) fields.push('date', httpDate())
  if (contentLength >= 0) fields.push('content-length', String(contentLength))
  return fields
}

/** An answer of this hop's own, beside its body. */
export function ownAnswerFields(
  { status, retryAfterSeconds }: OwnAnswer,
  requestId: string,
  bodyBytes: number,
): string[] {
  const fields = [':status', String(status), 'content-type', 'application/json']
  if (retryAfterSeconds !== undefined) fields.push('retry-after', String(retryAfterSeconds))
  if (requestId !== '') fields.push('x-request-id', requestId)
  fields.push('date', httpDate(), 'content-length', String(bodyBytes))
  return fields
}

/** Of finished lines, `name: value\r\n` each. Where they begin with a Date, that is the answer's. */
export function wholeAnswerFields(status: number, lines: string, requestId: string, bodyBytes: number): string[] {
  const fields = [':status', String(status)]
  addLines(fields, lines)
  fields.push('x-request-id', requestId)
  if (fields[2] !== 'date') fields.push('date', httpDate())
  // Beside a 304 it would say how long the answer is that the client has (RFC 9110, 8.6).
  if (status !== 204 && status !== 304) fields.push('content-length', String(bodyBytes))
  return fields
}

/** Interim answers and trailers, for which node:http2 takes an object. */
export function fieldsObject(
  block: FieldBlock,
  kept: 'answer' | 'trailers',
  nominated: readonly string[],
): OutgoingHttpHeaders {
  const fields: string[] = []
  addFields(fields, block, kept === 'answer' ? keptInAnswers : keptInTrailers, nominated)
  const object: Record<string, string[]> = Object.create(null)
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string
    object[name] = [...(object[name] ?? []), fields[i + 1] as string]
  }
  return object
}

function addFields(fields: string[], block: FieldBlock, kept: KeptKinds, nominated: readonly string[]): void {
  for (let i = 0; i < block.count; i++) {
    if (kept[block.kinds[i] as number] !== 1) continue
    const name = block.name(i)
    if (!nominated.includes(name)) fields.push(name, block.value(i))
  }
}

/** Finished lines, `name: value\r\n` each. */
function addLines(fields: string[], lines: string): void {
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf('\r\n', at)
    const colon = lines.indexOf(':', at)
    if (end < 0 || colon < 0) break
    fields.push(lines.slice(at, colon).toLowerCase(), lines.slice(colon + 1, end).trim())
    at = end + 2
  }
}
