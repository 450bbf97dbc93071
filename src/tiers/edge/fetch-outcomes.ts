// What becomes of a fetch's answer, for the store and for all who wait.

import type { AnswerHead } from '../../net/http1/answer-head.ts'
import type { OwnAnswer } from '../../net/http1/answer-writer.ts'
import { cacheStatus, type Forwarded, type Status } from './cache-status.ts'
import { withVary } from './compression/compressed-head.ts'
import { isCompressible } from './compression/compressible.ts'
import { confirms, isNotModified } from './conditionals.ts'
import type { EdgeFetch } from './edge-fetch.ts'
import type { Asking } from './edge-parts.ts'
import type { FetchOwner } from './fetch.ts'
import { type Fields, joined, linesOf } from './fields.ts'
import { type Verdict, verdictOf } from './keeping.ts'
import { bornOf, endToEndFields, judgedFields, keptHeadOf, updatedFields } from './kept-head.ts'
import { failingMs, passingAfterErrorMs, passingMs } from './limits.ts'
import { notModifiedFields } from './prepared.ts'
import type { SharedBody } from './shared-body.ts'
import { isShareable, outlastsFailure } from './standing.ts'
import type { Kept, KeptHead } from './store/contract.ts'
import { selectionOf, selectorsOf, selects } from './vary.ts'
import type { Waiter } from './waiter.ts'
import { releaseRequest, writeAnswer } from './written-head.ts'

const nothing: Buffer = Buffer.alloc(0)
const unavailable: OwnAnswer = {
  ...{ status: 502, code: 'unavailable', message: 'the answer of the server was lost; try again' },
  retryAfterSeconds: 1,
}
/** Statuses of a server that cannot answer now (RFC 5861, 4). */
const failures = new Set([500, 502, 503, 504])

export class FetchOutcomes implements FetchOwner<EdgeFetch> {
  readonly #edge: Asking

  constructor(edge: Asking) {
    this.#edge = edge
  }

  answered(fetch: EdgeFetch, head: AnswerHead, lines: string): void {
    const { clock, settings } = this.#edge.parts
    const { validates, rule } = fetch.for
    const answeredMs = clock.now()
    const before = joined(head, 'cache-status')
    if (before !== undefined) fetch.before = `${before}, `
    if (validates !== undefined && head.status === 304) {
      this.#confirmed(fetch, validates, head, answeredMs)
      return
    }
    if (fetch.isAtSibling && head.status === 429) {
      // The owner has too much to do, and says nothing of the thing itself.
      this.#edge.fetches.close(fetch)
      this.#askAnew(fetch, () => false)
      fetch.discard(head)
      return
    }
    if (failures.has(head.status) && this.#giveStale(fetch, { forwardedStatus: head.status })) {
      fetch.discard(head)
      return
    }
    if (rule.ttlMs === undefined && saysNothing(head)) {
      this.#notKept(fetch, { head, lines, reason: 'no freshness' })
      return
    }
    const fields = endToEndFields(head, answeredMs)
    const verdict = verdictOf({ status: head.status, fields: judgedFields(head, fields) }, fetch.for, {
      ...{ rule, staleIfErrorMs: settings.staleIfErrorMs, answeredMs },
    })
    if (verdict.refusal !== undefined) this.#notKept(fetch, { head, fields, lines, reason: verdict.refusal })
    else this.#keep(fetch, { head, fields, lines, verdict, answeredMs })
  }

  refused(fetch: EdgeFetch, own: OwnAnswer): void {
    if (fetch.isAtSibling) {
      fetch.isAtSibling = false
      fetch.kept = undefined
      this.#edge.origin.handle(fetch)
      return
    }
    // Who is answered may ask anew at once, and must not join what is over.
    this.#edge.fetches.close(fetch)
    if (!this.#giveStale(fetch, {})) this.#answerAll(fetch, [...fetch.waiters], own)
    fetch.cancel()
  }

  kept(fetch: EdgeFetch, body: SharedBody): void {
    const { pending, writer } = fetch
    this.#edge.fetches.close(fetch)
    const kept =
      fetch.isOutdated || pending === undefined
        ? undefined
        : writer?.commit(this.#varied({ ...pending, bytes: body.bytes }))
    if (kept !== undefined) {
      body.settle(kept)
      this.#edge.parts.compressing.replaced(kept)
    }
    for (const waiter of [...fetch.waiters]) {
      if (waiter.hasHead || !(kept !== undefined || waiter.needsWhole || body.hasLost(0))) continue
      const isLeader = waiter === fetch.leader
      fetch.release(waiter)
      this.#note(fetch, waiter)
      if (kept === undefined) this.#edge.askAgain(waiter.exchange, waiter.attempt)
      else this.#give(fetch, waiter, kept, { isLeader, isStored: true })
    }
  }

  /** What will be given compressed to some says so to all (RFC 9110, 12.5.5). */
  #varied(head: KeptHead): KeptHead {
    if (!this.#edge.parts.settings.compresses || !isCompressible(head)) return head
    return { ...head, fields: withVary(head.fields) }
  }

  missed(fetch: EdgeFetch, waiters: readonly Waiter[]): void {
    this.#askAnew(fetch, (waiter) => !waiters.includes(waiter))
  }

  lost(fetch: EdgeFetch, waiters: readonly Waiter[]): void {
    const stale = this.#outlasting(fetch)
    if (stale === undefined) this.#answerAll(fetch, waiters, unavailable)
    else for (const waiter of waiters) this.#giveStaleTo(waiter, stale, {})
  }

  over(fetch: EdgeFetch): void {
    // A fetch that streams on, for those who read it, is no longer to be joined.
    if (fetch.isOver) {
      this.#edge.fetches.delete(fetch)
      // Those who forward may still look at the request until they return.
      queueMicrotask(() => releaseRequest(fetch.request))
    } else this.#edge.fetches.close(fetch)
  }

  received(fetch: EdgeFetch, bytes: number): void {
    if (!fetch.isAtSibling) this.#edge.parts.counts.bytesFromOrigin += bytes
  }

  // The answer may be kept.

  #keep(
    fetch: EdgeFetch,
    {
      head,
      fields,
      lines,
      verdict,
      answeredMs,
    }: { head: AnswerHead; fields: Fields; lines: string; verdict: Verdict; answeredMs: number },
  ): void {
    const { store, cache } = this.#edge.parts
    const { key } = fetch.for
    const { bodyKind, contentLength } = head.framing
    // Nobody can tell whether such a body came to its end or its server did.
    if (bodyKind === 'until-close') {
      this.#notKept(fetch, { head, fields, lines, reason: 'no length' })
      return
    }
    const bytes = bodyKind === 'length' ? contentLength : bodyKind === 'none' ? 0 : -1
    const writer = fetch.isOutdated ? undefined : store.begin(key, bytes, fetch.asked)
    if (writer === undefined) {
      this.#notKept(fetch, { head, fields, lines, reason: 'size' })
      return
    }
    const selectedBy = selectionOf(this.#selectors(fetch, verdict), fetch.request)
    const bornMs = bornOf(head, fields, { askedMs: fetch.askedMs, answeredMs })
    const known: KeptHead = keptHeadOf({ key, status: head.status, bytes: 0, fields }, verdict, { selectedBy, bornMs })
    fetch.pending = known
    fetch.selectedBy = selectedBy
    if (isShareable(known, answeredMs)) {
      this.#edge.parts.passing.delete(fetch.for.likeness)
      this.#askAnew(fetch, (waiter) => selects(selectedBy, waiter.exchange.request, fields))
    } else {
      this.#edge.fetches.close(fetch)
      // The owner of the key gives what is stale: no server answers it.
      if (fetch.isAtSibling && outlastsFailure(known, answeredMs)) this.#edge.parts.failing.add(key, failingMs)
      else this.#edge.parts.passing.add(fetch.for.likeness, passingMs)
      this.#askAnew(fetch, (waiter) => waiter === fetch.leader)
    }
    for (const waiter of [...fetch.waiters])
      if (isNotModified(waiter.exchange.request, known, answeredMs)) this.#give304(fetch, waiter, known)
    const age = Math.floor((answeredMs - bornMs) / 1000)
    const ttlSeconds = Math.floor(verdict.freshMs / 1000) - age
    const ageLine = age > 0 ? `age: ${age}\r\n` : ''
    fetch.keep({
      writer,
      head: writeAnswer({ status: head.status, lines: linesOf(fields), bytes }),
      linesFor: (waiter) => {
        this.#note(fetch, waiter)
        const isCollapsed = waiter !== fetch.leader
        const status = { forwarded: forwardedOf(fetch), ttlSeconds, isStored: true, isCollapsed }
        this.#edge.parts.counts.add(isCollapsed ? 'coalesced' : fetched(fetch), waiter.exchange)
        const text = cacheStatus(cache, status)
        waiter.exchange.notes.cache = text.slice(cache.length + 2)
        return `${ageLine}cache-status: ${fetch.before}${text}\r\n`
      },
    })
  }

  /** What selects the answer: what its Vary names, what the rule adds, and no cookie where nobody said that it may be shared. */
  #selectors(fetch: EdgeFetch, verdict: Verdict): string[] {
    const { rule } = fetch.for
    const names = new Set([...verdict.vary, ...selectorsOf(rule)])
    if (!verdict.isExplicit && rule.cookies === undefined) names.add('cookie')
    return [...names].sort()
  }

  #give304(fetch: EdgeFetch, waiter: Waiter, known: KeptHead): void {
    const { cache, counts } = this.#edge.parts
    const isLeader = waiter === fetch.leader
    fetch.release(waiter)
    this.#note(fetch, waiter)
    counts.add(isLeader ? fetched(fetch) : 'coalesced', waiter.exchange)
    const text = cacheStatus(cache, { forwarded: forwardedOf(fetch), isCollapsed: !isLeader })
    waiter.exchange.notes.cache = text.slice(cache.length + 2)
    const lines = linesOf(notModifiedFields(known.fields))
    waiter.exchange.answerWhole(304, `${lines}cache-status: ${text}\r\n`, nothing)
  }

  // It may not.

  #notKept(
    fetch: EdgeFetch,
    { head, fields = [], lines, reason }: { head: AnswerHead; fields?: Fields; lines: string; reason: string },
  ): void {
    const { passing, cache, counts, clock } = this.#edge.parts
    const { validates, likeness } = fetch.for
    const { status } = head
    passing.add(likeness, replaces(status) ? passingMs : passingAfterErrorMs)
    this.#edge.fetches.close(fetch)
    // What is kept and was asked about is not what the server has now.
    if (validates !== undefined && replaces(status)) this.#drop(validates)
    this.#askAnew(fetch, (waiter) => waiter === fetch.leader)
    const { leader } = fetch
    if (leader === undefined) {
      fetch.discard(head)
      return
    }
    counts.add('miss', leader.exchange)
    this.#note(fetch, leader)
    const text = cacheStatus(cache, { forwarded: forwardedOf(fetch), detail: reason })
    leader.exchange.notes.cache = text.slice(cache.length + 2)
    const own = `${lines}cache-status: ${text}\r\n`
    const nowMs = clock.now()
    if (fields.length === 0 || !isNotModified(leader.exchange.request, { status, fields, bornMs: nowMs }, nowMs)) {
      fetch.passOn(head, own)
      return
    }
    fetch.release(leader)
    leader.exchange.answerWhole(304, linesOf(notModifiedFields(fields)) + own, nothing)
    fetch.discard(head)
  }

  /** With all that was made of it. */
  #drop(kept: Kept): void {
    this.#edge.parts.compressing.replaced(kept)
    this.#edge.parts.store.remove(kept)
  }

  /** Those for whom the answer is not ask again. */
  #askAnew(fetch: EdgeFetch, isFor: (waiter: Waiter) => boolean): void {
    const others = [...fetch.waiters].filter((waiter) => !isFor(waiter))
    for (const waiter of others) fetch.release(waiter)
    // Not before this answer is dealt with: what they start may answer at once.
    if (others.length > 0)
      queueMicrotask(() => {
        for (const waiter of others) if (!waiter.isGone) this.#edge.askAgain(waiter.exchange, waiter.attempt)
      })
  }

  // What is kept still holds.

  #confirmed(fetch: EdgeFetch, kept: Kept, head: AnswerHead, answeredMs: number): void {
    const { store, settings, compressing } = this.#edge.parts
    this.#edge.fetches.close(fetch)
    const fields = endToEndFields(head, answeredMs)
    if (!confirms(fields, kept.head.fields)) {
      this.#drop(kept)
      this.#askAnew(fetch, () => false)
      fetch.discard(head)
      return
    }
    const { status, bytes, selectedBy, key } = kept.head
    const updated = updatedFields(kept.head.fields, fields)
    const { rule } = fetch.for
    const verdict = verdictOf({ status, fields: judgedFields(head, updated) }, fetch.for, {
      ...{ rule, staleIfErrorMs: settings.staleIfErrorMs, answeredMs },
    })
    const bornMs = bornOf(head, updated, { askedMs: fetch.askedMs, answeredMs })
    const known = keptHeadOf({ key, status, bytes, fields: updated }, verdict, { selectedBy, bornMs })
    const current = store.refresh(kept, this.#varied(known), fetch.asked)
    compressing.refreshed(current, fetch.asked)
    const isForAll = verdict.refusal === undefined && isShareable(known, answeredMs)
    if (!isForAll) this.#edge.parts.passing.add(fetch.for.likeness, passingMs)
    this.#askAnew(fetch, (waiter) => isForAll || waiter === fetch.leader)
    for (const waiter of [...fetch.waiters]) {
      const isLeader = waiter === fetch.leader
      fetch.release(waiter)
      this.#note(fetch, waiter)
      const best = waiter.needsWhole ? current : (this.#edge.select(key, waiter.exchange) ?? current)
      this.#give(fetch, waiter, best, { isLeader, isStored: false })
    }
    if (verdict.refusal !== undefined || fetch.isOutdated) this.#drop(current)
    fetch.discard(head)
  }

  #give(
    fetch: EdgeFetch,
    { exchange, attempt }: Waiter,
    kept: Kept,
    { isLeader, isStored }: { isLeader: boolean; isStored: boolean },
  ): void {
    const outcome = isLeader ? (isStored ? fetched(fetch) : 'revalidated') : 'coalesced'
    const status: Status = { forwarded: forwardedOf(fetch), isStored, isCollapsed: !isLeader }
    if (!isStored) status.forwardedStatus = 304
    this.#edge.give(exchange, kept, { outcome, status, attempt, before: fetch.before })
  }

  // No server answers.

  /** True when everybody got what is kept, although it is stale. */
  #giveStale(fetch: EdgeFetch, status: Status): boolean {
    const stale = this.#outlasting(fetch)
    if (stale === undefined) return false
    this.#edge.parts.failing.add(fetch.for.key, failingMs)
    this.#edge.fetches.close(fetch)
    for (const waiter of [...fetch.waiters]) {
      fetch.release(waiter)
      this.#note(fetch, waiter)
      this.#giveStaleTo(waiter, stale, status)
    }
    return true
  }

  #giveStaleTo({ exchange, attempt }: Waiter, stale: Kept, { forwardedStatus }: Status): void {
    const status: Status = { forwarded: 'stale', detail: 'stale-if-error' }
    if (forwardedStatus !== undefined) status.forwardedStatus = forwardedStatus
    this.#edge.give(exchange, stale, { outcome: 'stale', status, attempt })
  }

  #outlasting({ for: { validates } }: EdgeFetch): Kept | undefined {
    // An error that was kept is no better than a new one.
    if (validates === undefined || failures.has(validates.head.status)) return undefined
    return outlastsFailure(validates.head, this.#edge.parts.clock.now()) ? validates : undefined
  }

  #answerAll(fetch: EdgeFetch, waiters: readonly Waiter[], own: OwnAnswer): void {
    for (const waiter of waiters) {
      fetch.release(waiter)
      this.#note(fetch, waiter)
      this.#edge.parts.counts.add('miss', waiter.exchange)
      waiter.exchange.answer(own)
    }
  }

  #note(fetch: EdgeFetch, { exchange: { notes } }: Waiter): void {
    notes.server = fetch.notes.server
    notes.attempts = fetch.notes.attempts
  }
}

/** No server was asked where the owner of the key had it. */
function fetched({ isAtSibling, before }: EdgeFetch): 'hit' | 'miss' {
  return isAtSibling && /; hit(?:;|,)/.test(before) ? 'hit' : 'miss'
}

const telling = ['cache-control', 'cdn-cache-control', 'expires', 'etag', 'last-modified']

/** Neither how long it is fresh nor which version it is: most answers of APIs, and the quick way for them. */
function saysNothing(head: AnswerHead): boolean {
  return telling.every((name) => head.find(name) < 0)
}

/** An answer of that status speaks of the thing itself; an error may be about the one request that met it. */
function replaces(status: number): boolean {
  return status < 400 || status === 404 || status === 410
}

function forwardedOf({ for: { validates } }: EdgeFetch): Forwarded {
  return validates === undefined ? 'uri-miss' : 'stale'
}
