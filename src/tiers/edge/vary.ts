// Which answer of several a request selects (RFC 9111, 4.1): by the values of the request fields that Vary names, read so
// that what means the same is the same.

import type { FieldBlock } from '../../net/http1/field-block.ts'
import { acceptedEncodings, bestEncoding } from './compression/accept-encoding.ts'
import { encodingSelector } from './compression/compressed-head.ts'
import { type Fields, fieldOf, joined, membersOf } from './fields.ts'

export type Selection = ReadonlyArray<readonly [name: string, value: string | null]>

/** A cookie of a rule is selected by as if it were a field of its own. */
const cookiePrefix = 'cookie:'

/** Names in small letters, each once, sorted; `*` when no request can ever select the answer. */
export function varyOf(fields: Fields): readonly string[] | '*' {
  const value = fieldOf(fields, 'vary')
  if (value === undefined) return none
  const names = membersOf(value).map((name) => name.toLowerCase())
  return names.some((name) => unknown.has(name)) ? '*' : [...new Set(names)].sort()
}

/** Servers get another value than the client sent, or one of each request's own. */
const unknown = new Set(['*', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id'])

const none: readonly string[] = []

export function selectionOf(names: readonly string[], request: FieldBlock): Selection {
  return names.map((name) => [name, selectingValue(name, request)])
}

/** Field and cookie names of a rule that select although Vary does not name them. */
export function selectorsOf({
  headers = none,
  cookies = none,
}: {
  headers?: readonly string[]
  cookies?: readonly string[]
}) {
  return [...headers.map((name) => name.toLowerCase()), ...cookies.map((name) => cookiePrefix + name)]
}

export function selects(selectedBy: Selection, request: FieldBlock, fields: Fields): boolean {
  for (const [name, value] of selectedBy) {
    if (selectingValue(name, request) === value) continue
    if (name !== 'accept-language' || !isInBestLanguage(request, fields)) return false
  }
  return true
}

export function selectingValue(name: string, request: FieldBlock): string | null {
  if (name.startsWith(cookiePrefix)) return cookieOf(cookiesOf(request), name.slice(cookiePrefix.length))
  if (name === encodingSelector) return bestEncoding(joined(request, 'accept-encoding')) ?? null
  const value = joined(request, name)
  if (value === undefined) return null
  if (name === 'cookie') return cookiesOf(request)
  if (name === 'accept-encoding') return acceptedEncodings(value)
  if (name === 'accept-language')
    return languagesOf(value)
      .map(({ tag, weight }) => `${tag};q=${weight}`)
      .join(', ')
  return value
    .split(',')
    .map((part) => part.trim())
    .join(', ')
}

/** Its lines are one list of another kind (RFC 6265, 4.2.1): a comma is part of a value. */
function cookiesOf(request: FieldBlock): string {
  const lines: string[] = []
  for (let i = request.find('cookie'); i >= 0; i = request.find('cookie', i + 1)) lines.push(request.value(i))
  return lines.join('; ')
}

/** All of that name: servers differ in which of several they take. */
function cookieOf(cookies: string, name: string): string | null {
  const values: string[] = []
  for (const pair of cookies.split(';')) {
    const equals = pair.indexOf('=')
    if (equals >= 0 && pair.slice(0, equals).trim() === name) values.push(pair.slice(equals + 1).trim())
  }
  return values.length === 0 ? null : values.join(';')
}

interface Weighted {
  tag: string
  weight: number
}

/** Members with their weights (RFC 9110, 12.4.2), in small letters; what counts more first, and the rest in one order. */
function weighted(value: string): Weighted[] {
  const members = membersOf(value).map((member) => {
    const [tag = '', ...parameters] = member.split(';').map((part) => part.trim().toLowerCase())
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
    return { tag, weight: quality === undefined || !/^[01](\.\d{0,3})?$/.test(quality) ? 1 : Number(quality) }
  })
  return members.sort((a, b) => b.weight - a.weight || (a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : 0))
}

function languagesOf(value: string): Weighted[] {
  return weighted(value)
}

/**
 * The client prefers one language to all others and the answer is in it: whatever else the server has, none suits better
 * (RFC 9110, 12.5.4).
 */
function isInBestLanguage(request: FieldBlock, fields: Fields): boolean {
  const [best, second] = languagesOf(joined(request, 'accept-language') ?? '')
  if (best === undefined || best.tag === '*' || best.weight === 0) return false
  if (second !== undefined && second.weight === best.weight) return false
  return fieldOf(fields, 'content-language')?.toLowerCase() === best.tag
}
