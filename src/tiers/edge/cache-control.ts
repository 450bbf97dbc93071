// What Cache-Control says, of answers (RFC 9111, 5.2.2; RFC 5861; RFC 8246) and of requests (5.2.1).
//
// The common field is read as leniently as it is written in the wild; what is wrong in it makes an answer stale. A field
// that targets CDNs (RFC 9213) is a structured field: either all of it is right, or it counts as absent.

import { type Fields, fieldOf, membersOf } from './fields.ts'
import { parseDictionary } from './structured-dictionary.ts'

export interface AnswerDirectives {
  /** They come from a field that targets CDNs: Expires and the common field are not asked. */
  isTargeted: boolean
  noStore: boolean
  noCache: boolean
  isPrivate: boolean
  isPublic: boolean
  mustRevalidate: boolean
  proxyRevalidate: boolean
  mustUnderstand: boolean
  noTransform: boolean
  isImmutable: boolean
  /** Seconds, or -1 where nothing is said. */
  maxAge: number
  sharedMaxAge: number
  staleWhileRevalidate: number
  staleIfError: number
}

export interface RequestDirectives {
  noCache: boolean
  noStore: boolean
  onlyIfCached: boolean
  /** Seconds, or -1 where nothing is said. */
  maxAge: number
  minFresh: number
  /** Infinity: however stale. */
  maxStale: number
}

/** RFC 9111, 1.2.2: as large as any recipient needs to count, about 68 years. */
const secondsMax = 2 ** 31

export function answerDirectives(fields: Fields): AnswerDirectives {
  const targeted = fieldOf(fields, 'cdn-cache-control')
  const fromTargeted = targeted === undefined ? undefined : targetedDirectives(targeted)
  if (fromTargeted !== undefined) return read(fromTargeted, true)
  return read(parseDirectives(fieldOf(fields, 'cache-control') ?? ''), false)
}

export function requestDirectives(text: string): RequestDirectives {
  const said = parseDirectives(text)
  const maxStale = said.get('max-stale')
  return {
    noCache: said.has('no-cache'),
    noStore: said.has('no-store'),
    onlyIfCached: said.has('only-if-cached'),
    maxAge: seconds(said.get('max-age'), -1),
    minFresh: seconds(said.get('min-fresh'), -1),
    maxStale: maxStale === true ? Number.POSITIVE_INFINITY : seconds(maxStale, -1),
  }
}

/** Directives by their names in small letters; of one that comes twice the first counts (RFC 9111, 4.2.1). */
export function parseDirectives(text: string): Map<string, string | true> {
  const said = new Map<string, string | true>()
  for (const member of membersOf(text)) {
    const equals = member.indexOf('=')
    const name = (equals < 0 ? member : member.slice(0, equals)).toLowerCase()
    if (said.has(name)) continue
    said.set(name, equals < 0 ? true : unquoted(member.slice(equals + 1)))
  }
  return said
}

function unquoted(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value
  return value.slice(1, -1).replace(/\\(.)/g, '$1')
}

/** Digits and nothing else. Of what is said wrongly as little as possible is believed: none of it. */
function seconds(value: string | true | undefined, absent: number): number {
  if (value === undefined) return absent
  if (value === true || !/^\d+$/.test(value)) return 0
  return Math.min(Number(value), secondsMax)
}

function read(said: ReadonlyMap<string, string | true>, isTargeted: boolean): AnswerDirectives {
  return {
    isTargeted,
    noStore: said.has('no-store'),
    // With a list of fields these concern those fields only; to treat them as if they stood alone is safe.
    noCache: said.has('no-cache'),
    isPrivate: said.has('private'),
    isPublic: said.has('public'),
    mustRevalidate: said.has('must-revalidate'),
    proxyRevalidate: said.has('proxy-revalidate'),
    mustUnderstand: said.has('must-understand'),
    noTransform: said.has('no-transform'),
    isImmutable: said.has('immutable'),
    maxAge: seconds(said.get('max-age'), -1),
    sharedMaxAge: seconds(said.get('s-maxage'), -1),
    staleWhileRevalidate: seconds(said.get('stale-while-revalidate'), -1),
    staleIfError: seconds(said.get('stale-if-error'), -1),
  }
}

const numbers = new Set(['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'])

/** Undefined when the field is to be ignored: it is empty, malformed, or a number in it is none (RFC 9213, 2.1). */
function targetedDirectives(text: string): Map<string, string | true> | undefined {
  const members = parseDictionary(text)
  if (members === undefined || members.size === 0) return undefined
  const said = new Map<string, string | true>()
  for (const [name, item] of members) {
    if (numbers.has(name)) {
      if (item.type !== 'integer' || item.value < 0) return undefined
      said.set(name, String(item.value))
    } else if (item.type !== 'boolean' || item.value) said.set(name, true)
  }
  return said
}
