// Whether an answer may be kept (RFC 9111, 3), by a cache that many clients share.

import { answerDirectives } from './cache-control.ts'
import type { EdgeRule } from './contract.ts'
import { type Fields, fieldOf } from './fields.ts'
import { type Freshness, freshnessOf } from './freshness.ts'
import { varyOf } from './vary.ts'

export interface Verdict extends Freshness {
  /** Why it is not kept, in a word or two; undefined when it is. */
  refusal: string | undefined
  /** It may be given only after a server confirmed it. */
  needsValidation: boolean
  /** Request fields that its Vary names. */
  vary: readonly string[]
}

export interface AskedWith {
  hasAuthorization: boolean
  hasCookie: boolean
}

/** Statuses whose meaning this cache knows; an answer may ask for that (`must-understand`, RFC 9111, 5.2.2.3). */
const understood = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 421, 451, 500, 501, 503])

export function verdictOf(
  { status, fields }: { status: number; fields: Fields },
  request: AskedWith,
  circumstances: { rule: EdgeRule; staleIfErrorMs: number; answeredMs: number },
): Verdict {
  const directives = answerDirectives(fields)
  const freshness = freshnessOf({ status, fields, directives }, circumstances)
  const vary = varyOf(fields)
  const { rule } = circumstances
  const hasValidator = fieldOf(fields, 'etag') !== undefined || fieldOf(fields, 'last-modified') !== undefined
  const needsValidation = directives.noCache
  const refusal = (): string | undefined => {
    if (rule.keep === 'never') return 'rule'
    // A part is not the whole, a 304 belongs to what somebody else has.
    if (status === 206 || status === 304) return 'status'
    if (!freshness.isExplicit && !freshness.isKeptByDefault) return 'status'
    if (directives.mustUnderstand ? !understood.has(status) : directives.noStore) return 'no-store'
    if (directives.isPrivate) return 'private'
    if (fieldOf(fields, 'set-cookie') !== undefined) return 'set-cookie'
    if (vary === '*') return 'vary'
    if (request.hasAuthorization && !permitsAuthorized(directives)) return 'authorization'
    // Where nobody said that it may be shared, the page may be that client's own. A rule names the cookies that matter.
    if (!freshness.isExplicit && request.hasCookie && rule.cookies === undefined) return 'cookie'
    if (freshness.freshMs > 0 && !needsValidation) return undefined
    return hasValidator ? undefined : 'no freshness'
  }
  return { ...freshness, refusal: refusal(), needsValidation, vary: vary === '*' ? [] : vary }
}

/** RFC 9111, 3.5. */
function permitsAuthorized({
  isPublic,
  mustRevalidate,
  sharedMaxAge,
}: {
  isPublic: boolean
  mustRevalidate: boolean
  sharedMaxAge: number
}): boolean {
  return isPublic || mustRevalidate || sharedMaxAge >= 0
}
