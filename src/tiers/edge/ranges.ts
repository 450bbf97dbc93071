// Ranges of a kept answer (RFC 9110, 14). One range is answered with that part; several are answered with the whole, which
// is allowed and gives an attacker no amplifier (17.15).

import type { FieldBlock } from '../../net/http1/field-block.ts'
import { isStrong } from './conditionals.ts'
import { type Fields, fieldOf, joined } from './fields.ts'
import { parseHttpDate } from './http-dates.ts'

export interface Range {
  start: number
  /** Behind the last byte. */
  end: number
}

/** Undefined: the whole. `unsatisfiable`: 416. */
export function rangeOf(text: string, bytes: number): Range | 'unsatisfiable' | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(text)
  if (match === null) return undefined
  const [, first = '', last = ''] = match
  if (first === '') {
    if (last === '') return undefined
    const length = Number(last)
    if (length === 0 || bytes === 0) return 'unsatisfiable'
    return { start: Math.max(0, bytes - length), end: bytes }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return undefined
  if (start >= bytes) return 'unsatisfiable'
  return { start, end: last === '' ? bytes : Math.min(bytes, Number(last) + 1) }
}

/** What the request asks of this answer. If-Range must be its strong tag, or its exact date where that is old enough. */
export function requestedRange(
  request: FieldBlock,
  { fields, bytes }: { fields: Fields; bytes: number },
  nowMs: number,
): Range | 'unsatisfiable' | undefined {
  const text = joined(request, 'range')
  if (text === undefined) return undefined
  const condition = joined(request, 'if-range')
  if (condition !== undefined && !isSame(condition, fields, nowMs)) return undefined
  return rangeOf(text, bytes)
}

/** RFC 9110, 13.1.5 and 8.8.2.2: a date is strong when the answer is at least a second younger. */
function isSame(condition: string, fields: Fields, nowMs: number): boolean {
  if (isStrong(condition)) return condition === fieldOf(fields, 'etag')
  const lastModified = fieldOf(fields, 'last-modified')
  if (lastModified === undefined || condition !== lastModified) return false
  const modifiedMs = parseHttpDate(lastModified, nowMs)
  const date = fieldOf(fields, 'date')
  const dateMs = date === undefined ? undefined : parseHttpDate(date, nowMs)
  return modifiedMs !== undefined && dateMs !== undefined && dateMs - modifiedMs >= 1000
}
