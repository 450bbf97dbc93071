// Conditional requests (RFC 9110, 13): what a client's say about a kept answer, and which ones ask a server about it.

import type { FieldBlock } from '../../net/http1/field-block.ts'
import { type Fields, fieldOf, joined, membersOf } from './fields.ts'
import { parseHttpDate } from './http-dates.ts'

/** Whether a 304 answers the request: its If-None-Match or, without one, its If-Modified-Since. `bornMs`: when there is no Last-Modified. */
export function isNotModified(request: FieldBlock, { status, fields, bornMs }: KeptLike, nowMs: number): boolean {
  // Only what would be 200 has a condition (RFC 9110, 13.2.1).
  if (status !== 200 && status !== 203) return false
  const noneMatch = joined(request, 'if-none-match')
  if (noneMatch !== undefined) return matchesAny(noneMatch, fieldOf(fields, 'etag'))
  const since = joined(request, 'if-modified-since')
  const sinceMs = since === undefined ? undefined : parseHttpDate(since, nowMs)
  if (sinceMs === undefined) return false
  const text = fieldOf(fields, 'last-modified')
  const lastModified = text === undefined ? undefined : parseHttpDate(text, nowMs)
  if (lastModified !== undefined) return lastModified <= sinceMs
  // RFC 9111, 4.3.2: then the time when it was received, or its Date, stands for it.
  const date = fieldOf(fields, 'date')
  return ((date === undefined ? undefined : parseHttpDate(date, nowMs)) ?? bornMs) <= sinceMs
}

interface KeptLike {
  readonly status: number
  readonly fields: Fields
  readonly bornMs: number
}

/** Weak comparison (RFC 9110, 8.8.3.2). */
function matchesAny(list: string, tag: string | undefined): boolean {
  if (list.trim() === '*') return true
  if (tag === undefined) return false
  const own = opaque(tag)
  return membersOf(list).some((member) => opaque(member) === own)
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}

export function isStrong(tag: string | undefined): tag is string {
  return tag?.startsWith('"') === true
}

/** Lines that ask a server whether these fields still hold; empty when nothing can tell. */
export function conditionLines(fields: Fields): string {
  const tag = fieldOf(fields, 'etag')
  const lastModified = fieldOf(fields, 'last-modified')
  return (
    (tag === undefined ? '' : `if-none-match: ${tag}\r\n`) +
    (lastModified === undefined ? '' : `if-modified-since: ${lastModified}\r\n`)
  )
}

/** Whether a 304 speaks of what is kept: one with another strong tag confirms something else (RFC 9111, 4.3.4). */
export function confirms(notModified: Fields, kept: Fields): boolean {
  const said = fieldOf(notModified, 'etag')
  const own = fieldOf(kept, 'etag')
  return !isStrong(said) || own === undefined || opaque(own) === said
}
