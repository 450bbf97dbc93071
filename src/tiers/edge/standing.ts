// How a kept answer stands towards a request: whether it may be given as it is (RFC 9111, 4, 4.2.4 and 5.2.1; RFC 5861).

import type { RequestDirectives } from './cache-control.ts'
import type { KeptHead } from './store/contract.ts'

/**
 * fresh: given. accepted: it is stale and the client said that it does not mind. revalidating: it is stale, is given all the
 * same, and a server is asked meanwhile. stale: a server must be asked first.
 */
export type Standing = 'fresh' | 'accepted' | 'revalidating' | 'stale'

type Times = Pick<
  KeptHead,
  'bornMs' | 'freshMs' | 'staleWhileRevalidateMs' | 'staleIfErrorMs' | 'mustRevalidate' | 'needsValidation'
>

export function standingOf(
  head: Times,
  {
    nowMs,
    directives,
    isImmutable,
  }: { nowMs: number; directives: RequestDirectives | undefined; isImmutable: boolean },
): Standing {
  const ageMs = nowMs - head.bornMs
  const staleMs = ageMs - head.freshMs
  if (head.needsValidation || directives?.noCache) return 'stale'
  if (directives !== undefined) {
    const { maxAge, minFresh } = directives
    // A reload of what never changes asks for nothing new (RFC 8246, 2).
    const isOldEnough = maxAge >= 0 && ageMs > maxAge * 1000 && !(isImmutable && staleMs < 0)
    if (isOldEnough || (minFresh >= 0 && -staleMs < minFresh * 1000)) return 'stale'
  }
  if (staleMs < 0) return 'fresh'
  if (head.mustRevalidate) return 'stale'
  // A client may take what was shared once and grew old, not what never was.
  const isAccepted = directives !== undefined && directives.maxStale >= 0 && staleMs <= directives.maxStale * 1000
  if (isAccepted && head.freshMs > 0) return 'accepted'
  return staleMs < head.staleWhileRevalidateMs ? 'revalidating' : 'stale'
}

/** Whether it may be given because no server answers. */
export function outlastsFailure(head: Times, nowMs: number): boolean {
  if (head.mustRevalidate) return false
  return nowMs - head.bornMs < head.freshMs + head.staleIfErrorMs
}

/** Whether one answer may serve several requests that came before it: it is fresh as it arrives. */
export function isShareable(head: Times, nowMs: number): boolean {
  return !head.needsValidation && nowMs - head.bornMs < head.freshMs
}
