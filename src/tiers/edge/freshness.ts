// How long an answer is fresh (RFC 9111, 4.2.1 and 4.2.2), and how long beyond that it may still be given (RFC 5861).

import { dateOf } from './age.ts'
import type { AnswerDirectives } from './cache-control.ts'
import type { EdgeRule } from './contract.ts'
import { type Fields, fieldOf } from './fields.ts'
import { parseHttpDate } from './http-dates.ts'

export interface Freshness {
  freshMs: number
  /** The answer itself says how long: nobody guessed. */
  isExplicit: boolean
  /** It is of a kind that may be kept although it says nothing. */
  isKeptByDefault: boolean
  staleWhileRevalidateMs: number
  staleIfErrorMs: number
  mustRevalidate: boolean
}

/** Statuses for which an answer that says nothing may be kept a while (RFC 9110, 15.1). 206 is never kept here. */
const heuristicStatuses = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])

/** What has not changed for ten days will hardly change within the next one (RFC 9111, 4.2.2). */
const heuristicShare = 0.1
const heuristicMsMax = 24 * 3_600_000

export function freshnessOf(
  { status, fields, directives }: { status: number; fields: Fields; directives: AnswerDirectives },
  { rule, staleIfErrorMs, answeredMs }: { rule: EdgeRule; staleIfErrorMs: number; answeredMs: number },
): Freshness {
  const explicitMs = explicitLifetime(fields, directives, answeredMs)
  const { staleWhileRevalidate, staleIfError, sharedMaxAge } = directives
  // s-maxage forbids to give what is stale (RFC 9111, 5.2.2.10), unless the same field says for how long it may be.
  const isBound = sharedMaxAge >= 0 && staleWhileRevalidate < 0 && staleIfError < 0
  const mustRevalidate =
    directives.mustRevalidate || directives.proxyRevalidate || directives.noCache || (isBound && !directives.isTargeted)
  const freshMs = explicitMs ?? impliedLifetime({ status, fields, directives }, rule, answeredMs)
  // What its server never let anybody share unasked is not shared because that server is down.
  const isSilent = sharedMaxAge < 0 && !mustRevalidate && freshMs > 0
  return {
    freshMs,
    isExplicit: explicitMs !== undefined,
    isKeptByDefault: heuristicStatuses.has(status) || directives.isPublic,
    staleWhileRevalidateMs: window(staleWhileRevalidate, isSilent ? (rule.staleWhileRevalidateMs ?? 0) : 0),
    staleIfErrorMs: window(staleIfError, isSilent ? (rule.staleIfErrorMs ?? staleIfErrorMs) : 0),
    mustRevalidate,
  }
}

/** An odd request makes a server say 405, 414 or 501: a rule must not keep that for everybody (cpdos.org). */
function isRuled(status: number): boolean {
  return status < 400 || status === 404 || status === 410
}

function window(seconds: number, otherwiseMs: number): number {
  return seconds >= 0 ? seconds * 1000 : otherwiseMs
}

function explicitLifetime(fields: Fields, directives: AnswerDirectives, answeredMs: number): number | undefined {
  if (directives.sharedMaxAge >= 0) return directives.sharedMaxAge * 1000
  if (directives.maxAge >= 0) return directives.maxAge * 1000
  if (directives.isTargeted) return undefined
  const text = fieldOf(fields, 'expires')
  if (text === undefined) return undefined
  const expires = parseHttpDate(text, answeredMs)
  return expires === undefined ? 0 : Math.max(0, expires - dateOf(fields, answeredMs))
}

function impliedLifetime(
  { status, fields, directives }: { status: number; fields: Fields; directives: AnswerDirectives },
  { keep, ttlMs }: EdgeRule,
  answeredMs: number,
): number {
  const isGuessable = heuristicStatuses.has(status) || directives.isPublic
  if (!isGuessable || directives.noCache) return 0
  if (ttlMs !== undefined && keep !== 'never') return isRuled(status) ? ttlMs : 0
  const text = fieldOf(fields, 'last-modified')
  const lastModified = text === undefined ? undefined : parseHttpDate(text, answeredMs)
  if (lastModified === undefined) return 0
  const unchangedMs = dateOf(fields, answeredMs) - lastModified
  return Math.min(Math.max(0, unchangedMs * heuristicShare), heuristicMsMax)
}
