// The edge before one origin: each request is answered from what is kept, or waits for a fetch, or passes on.
//
// select -> fresh: given. Stale: a server is asked whether it still holds, by one fetch for all who want the same. Not
// there: fetched, once. What turns out not to be for everybody goes to the one who asked first; the others ask anew.

import type { ClientOrigin } from '../../net/http1/client-origin.ts'
import type { Exchange, FinishedExchange, Handler } from '../../net/http1/exchange.ts'
import { warnOfFault } from '../../net/http1/fault.ts'
import { give } from './answers.ts'
import { type RequestDirectives, requestDirectives } from './cache-control.ts'
import { cacheStatus, type Forwarded } from './cache-status.ts'
import { bestEncoding } from './compression/accept-encoding.ts'
import { encodingSelector } from './compression/compressed-head.ts'
import { conditionLines } from './conditionals.ts'
import { DiskAnswer } from './disk-answer.ts'
import { EdgeFetch } from './edge-fetch.ts'
import type { Asked, Asking, EdgeParts, Telling } from './edge-parts.ts'
import type { FetchOwner } from './fetch.ts'
import { FetchOutcomes } from './fetch-outcomes.ts'
import { fetchRequest } from './fetch-request.ts'
import { Fetches } from './fetches.ts'
import { joined } from './fields.ts'
import { HeadWatcher } from './head-watcher.ts'
import { invalidate } from './invalidation.ts'
import { hostUnder, keyOf, namesOtherHost } from './key.ts'
import { attemptsMax, fetchesMax, waitersMax } from './limits.ts'
import { PassExchange, type PassWatcher } from './pass.ts'
import { ageSeconds, Prepared, ttlSeconds } from './prepared.ts'
import { traits, traitsOf } from './request-traits.ts'
import { targetUnder } from './rules.ts'
import { isFromSibling } from './siblings.ts'
import { outlastsFailure, type Standing, standingOf } from './standing.ts'
import type { Kept, KeptHead } from './store/contract.ts'
import { type Selection, selectingValue, selects } from './vary.ts'
import { Waiter } from './waiter.ts'

/** The answer may be a part, or a 304. */
const special = traits.condition | traits.range

export class EdgeHandler implements Handler, Asking {
  readonly parts: EdgeParts
  readonly origin: Handler
  readonly fetches = new Fetches()
  readonly #outcomes: FetchOutcomes

  constructor(parts: EdgeParts, origin: Handler) {
    this.parts = parts
    this.origin = origin
    this.#outcomes = new FetchOutcomes(this)
  }

  handle(exchange: Exchange): void {
    this.#ask(exchange, 0)
  }

  finished(finished: FinishedExchange): void {
    this.parts.counts.addBytesOut(finished.bodyBytesOut, finished.exchange)
    this.origin.finished?.(finished)
  }

  askAgain(exchange: Exchange, attempt: number): void {
    try {
      this.#ask(exchange, attempt + 1)
    } catch (error) {
      warnOfFault(error)
      exchange.answer({ status: 500, code: 'unavailable', message: 'the request could not be handled' })
    }
  }

  #ask(exchange: Exchange, attempt: number): void {
    const { request } = exchange
    const isHead = request.method === 'HEAD'
    if ((!isHead && request.method !== 'GET') || request.hasBody || request.isUpgrade) {
      this.#passChange(exchange)
      return
    }
    const path = request.path
    const rule = this.parts.rules.find(path)
    const found = traitsOf(request)
    const directives = (found & traits.cacheControl) === 0 ? undefined : directivesOf(exchange)
    if (rule.keep === 'never' || (found & (traits.originCondition | traits.override)) !== 0)
      this.pass(exchange, 'bypass')
    else if (directives?.noStore) this.pass(exchange, 'request')
    else {
      const target = targetUnder(rule, path)
      const origin = (found & traits.loop) === 0 ? exchange.origin : this.#originOf(exchange)
      // Servers may go by the host that a trusted peer names, and the key has the other.
      if (
        (found & traits.forwardedHost) !== 0 &&
        origin.isTrusted &&
        namesOtherHost(request, origin.schemeOf(request))
      ) {
        this.pass(exchange, 'bypass')
        return
      }
      const key = keyOf({ request, origin }, target)
      this.#find({ exchange, origin, attempt, rule, target, key, traits: found, directives })
    }
  }

  /** Who asks, where that is another front in somebody's place. */
  #originOf(exchange: Exchange): ClientOrigin {
    return this.parts.siblings?.originOf(exchange) ?? exchange.origin
  }

  #find(asked: Asked): void {
    const { exchange, key, directives } = asked
    // A part of the bytes as they are is what everybody means.
    const isPart = (asked.traits & traits.range) !== 0
    const kept = isPart ? this.selectBase(key, exchange) : this.select(key, exchange)
    if (kept !== undefined) {
      const nowMs = this.parts.clock.now()
      const isImmutable = directives !== undefined && Prepared.of(kept, this.parts.cache).isImmutable
      const standing = standingOf(kept.head, { nowMs, directives, isImmutable })
      if (standing === 'fresh' && kept.body !== undefined && (asked.traits & special) === 0) {
        this.#hitWhole(exchange, kept, kept.body, nowMs)
        return
      }
      if (standing !== 'stale') {
        this.#hit(asked, kept, standing, nowMs)
        return
      }
    }
    if (directives?.onlyIfCached)
      exchange.answer({ status: 504, code: 'unavailable', message: 'only a kept answer was wanted, and there is none' })
    else this.#fetch(asked, kept === undefined ? undefined : this.#baseOf(kept))
  }

  /** A server is asked about what it made. */
  #baseOf(kept: Kept): Kept | undefined {
    return isCompressed(kept.head) ? this.parts.compressing.baseOf(kept) : kept
  }

  /** Whoever takes it compressed shall find it so the next time. */
  #compress(kept: Kept, { request }: Exchange): void {
    const { settings, compressing, cache } = this.parts
    if (!settings.compresses || !Prepared.of(kept, cache).isCompressible) return
    const encoding = bestEncoding(joined(request, 'accept-encoding'))
    if (encoding !== undefined) compressing.want(kept, encoding)
  }

  select(key: string, exchange: Exchange): Kept | undefined {
    const variants = this.parts.store.find(key)
    const [first] = variants
    // Most keys have one answer, and it is for everybody.
    if (first === undefined || (variants.length === 1 && first.head.selectedBy.length === 0)) return first
    const { request } = exchange
    const compressed = variants.find(({ head }) => isCompressed(head) && selects(head.selectedBy, request, head.fields))
    return compressed ?? this.selectBase(key, exchange)
  }

  selectBase(key: string, { request }: Exchange): Kept | undefined {
    const variants = this.parts.store.find(key)
    return variants.find(({ head }) => !isCompressed(head) && selects(head.selectedBy, request, head.fields))
  }

  /** What nearly all hits are: nothing is looked up, read or made for it that need not be. */
  #hitWhole(exchange: Exchange, kept: Kept, body: Buffer, nowMs: number): void {
    const { store, counts, cache } = this.parts
    store.touch(kept)
    counts.add('hit', exchange)
    exchange.notes.cache = 'hit'
    this.#compress(kept, exchange)
    exchange.answerWhole(kept.head.status, Prepared.of(kept, cache).hit(nowMs), body)
  }

  #hit(asked: Asked, kept: Kept, standing: Standing, nowMs: number): void {
    const { store, counts, cache } = this.parts
    const { exchange, attempt } = asked
    store.touch(kept)
    counts.add(standing === 'fresh' ? 'hit' : 'stale', exchange)
    const prepared = Prepared.of(kept, cache)
    exchange.notes.cache = standing === 'fresh' ? 'hit' : 'hit; stale'
    // The fetch reads the request before its answer is out, which ends it.
    const base = standing === 'revalidating' ? this.#baseOf(kept) : undefined
    if (base !== undefined) this.#revalidate(asked, base)
    const onLost = () => this.#askWithout(exchange, kept, attempt)
    const isSpecial = (asked.traits & special) !== 0
    if (kept.body === undefined) exchange.request.own()
    give(exchange, { kept, lines: prepared.hit(nowMs), prepared, isSpecial, nowMs, onLost }, store)
  }

  /** Gives a kept answer, and says how it came to that. */
  give(exchange: Exchange, kept: Kept, { outcome, status, attempt, before = '' }: Telling): void {
    const { store, counts, cache, clock } = this.parts
    const nowMs = clock.now()
    const prepared = Prepared.of(kept, cache)
    const age = ageSeconds(kept, nowMs)
    const own = cacheStatus(cache, { ttlSeconds: ttlSeconds(kept, age), ...status })
    counts.add(outcome, exchange)
    exchange.notes.cache = own.slice(cache.length + 2)
    const text = before + own
    const onLost = () => this.#askWithout(exchange, kept, attempt)
    this.#compress(kept, exchange)
    if (kept.body === undefined) exchange.request.own()
    give(exchange, { kept, lines: prepared.with(age, text), prepared, isSpecial: true, nowMs, onLost }, store)
  }

  /** Its body could not be had. It is gone now, or the disk has too much to do. */
  #askWithout(exchange: Exchange, kept: Kept, attempt: number): void {
    if (this.parts.store.find(kept.head.key).includes(kept)) this.pass(exchange, 'uri-miss')
    else this.askAgain(exchange, attempt)
  }

  // Requests that a server must answer.

  #fetch(asked: Asked, stale: Kept | undefined): void {
    const { exchange, attempt } = asked
    const condition = stale === undefined ? '' : conditionLines(stale.head.fields)
    if (exchange.request.method === 'HEAD') {
      const nowMs = this.parts.clock.now()
      const fallback = stale !== undefined && outlastsFailure(stale.head, nowMs) ? stale : undefined
      this.pass(exchange, stale === undefined ? 'uri-miss' : 'stale', new HeadWatcher(this, asked, fallback))
      return
    }
    // A part of what is not here is not fetched whole for the sake of one who may want no more.
    if ((asked.traits & traits.range) !== 0 && condition === '') {
      this.pass(exchange, 'partial')
      return
    }
    if (stale !== undefined && this.#isFailing(stale)) {
      const status = { forwarded: 'stale', detail: 'stale-if-error' } as const
      this.give(exchange, stale, { outcome: 'stale', status, attempt })
      return
    }
    const likeness = likenessOf(asked)
    const isAlone = attempt >= attemptsMax || this.parts.passing.has(likeness)
    // What is kept may be needed when the server fails.
    const isSpare = stale !== undefined && outlastsFailure(stale.head, this.parts.clock.now())
    if (isAlone && condition === '' && !isSpare) {
      this.pass(exchange, stale === undefined ? 'uri-miss' : 'stale')
      return
    }
    exchange.request.own()
    const fetch = isAlone ? undefined : this.#joinable(asked)
    if (fetch === undefined && this.fetches.count >= fetchesMax) this.pass(exchange, 'uri-miss')
    else if (fetch !== undefined && fetch.waiters.size >= waitersMax)
      exchange.answer({
        ...{ status: 503, code: 'overloaded', message: 'too many requests wait for this answer; try again' },
        retryAfterSeconds: 1,
      })
    else {
      const waiter = this.#waiterFor(asked)
      if (fetch !== undefined) fetch.join(waiter)
      else this.#start(asked, { stale, condition, likeness, isAlone, waiter })
    }
  }

  /** No server answered about it just now, and it may be given instead. */
  #isFailing({ head }: Kept): boolean {
    return this.parts.failing.has(head.key) && outlastsFailure(head, this.parts.clock.now())
  }

  #revalidate(asked: Asked, stale: Kept): void {
    if (this.#isFailing(stale)) return
    if (this.#joinable(asked) !== undefined) return
    if (this.fetches.count >= fetchesMax) return
    const condition = conditionLines(stale.head.fields)
    this.#start(asked, { stale, condition, likeness: likenessOf(asked), isAlone: false, waiter: undefined })
  }

  #start(
    asked: Asked,
    {
      stale,
      condition,
      likeness,
      isAlone,
      waiter,
    }: {
      stale: Kept | undefined
      condition: string
      likeness: string
      isAlone: boolean
      waiter: Waiter | undefined
    },
  ): void {
    const { exchange, origin, key, target, rule } = asked
    const { request, requestId } = exchange
    const { store, clock, siblings, changed } = this.parts
    const isFromSibling = comesFromSibling(asked)
    // Whoever was not served by the owner goes to a server; so does who asks for what the owner may not know to be changed.
    const isForServer = isFromSibling || asked.attempt > 0 || changed.has(key)
    const sibling = isForServer ? undefined : siblings?.of(key)
    const host = hostUnder(request.host, origin.schemeOf(request))
    const id = isAlone ? '' : this.fetches.idOf(key, this.#selectionFor(key, exchange), isFromSibling)
    const isToSibling = sibling !== undefined && siblings !== undefined
    const loop = isToSibling ? siblings.loopField(request, { host, target }) : (joined(request, 'cdn-loop') ?? '')
    const fetch = new EdgeFetch(fetchRequest(request, { host, target, condition, loop }), {
      from: { origin, requestId },
      owner: this.#outcomes as FetchOwner<EdgeFetch>,
      purpose: {
        ...{ id, key, target, rule, likeness, validates: stale },
        hasAuthorization: (asked.traits & traits.authorization) !== 0,
        hasCookie: (asked.traits & traits.cookie) !== 0,
      },
      asked: store.mark(),
      askedMs: clock.now(),
    })
    fetch.isForItself = waiter === undefined
    this.fetches.add(fetch)
    fetch.leader = waiter
    if (waiter !== undefined) fetch.join(waiter)
    fetch.isAtSibling = sibling !== undefined
    if (sibling === undefined) this.origin.handle(fetch)
    else siblings?.forwarderTo(sibling).handle(fetch)
  }

  /** A fetch that the request can wait for. */
  #joinable(asked: Asked): EdgeFetch | undefined {
    const { exchange, key } = asked
    const isFromSibling = comesFromSibling(asked)
    return this.fetches.find(key, this.#selectionFor(key, exchange), { request: exchange.request, isFromSibling })
  }

  /** What is known of how requests for this key differ; empty where nothing is. */
  #selectionFor(key: string, { request }: Exchange): Selection {
    const newest = this.parts.store.find(key).find(({ head }) => !isCompressed(head))
    const names = newest?.head.selectedBy ?? []
    return names.map(([name]) => [name, selectingValue(name, request)] as const)
  }

  #waiterFor({ exchange, attempt, traits: found }: Asked): Waiter {
    const needsWhole = (found & traits.range) !== 0
    const continueFromDisk = (whose: Exchange, kept: Kept, from: number) =>
      void DiskAnswer.send(whose, { store: this.parts.store, kept, range: { start: from, end: kept.head.bytes } })
    return new Waiter(exchange, { attempt, needsWhole, continueFromDisk })
  }

  // Requests that pass.

  pass(exchange: Exchange, why: Forwarded, watcher?: PassWatcher): void {
    const { counts, cache } = this.parts
    const text = cacheStatus(cache, { forwarded: why })
    counts.add('pass', exchange)
    exchange.notes.cache = text.slice(cache.length + 2)
    this.#passFor(exchange).send(this.origin, { watcher, lines: `cache-status: ${text}\r\n` })
  }

  /** RFC 9111, 4.4: what a successful unsafe request changed is not given any more. */
  #passChange(exchange: Exchange): void {
    const { method } = exchange.request
    const isSafe = method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
    this.pass(exchange, isSafe && method !== 'OPTIONS' ? 'bypass' : 'method', isSafe ? undefined : invalidate(this))
  }

  #passFor(exchange: Exchange): PassExchange {
    let pass = exchange.kept as PassExchange | undefined
    if (pass === undefined) {
      const { counts } = this.parts
      const received = (bytes: number) => {
        counts.bytesFromOrigin += bytes
      }
      pass = new PassExchange(exchange, { received, originOf: () => this.#originOf(exchange) })
      exchange.kept = pass
    }
    return pass
  }
}

function directivesOf({ request }: Exchange): RequestDirectives {
  return requestDirectives(joined(request, 'cache-control') ?? '')
}

function comesFromSibling({ traits: found, exchange }: Asked): boolean {
  return (found & traits.loop) !== 0 && isFromSibling(exchange.request)
}

function isCompressed({ selectedBy }: KeptHead): boolean {
  return selectedBy.some(([name]) => name === encodingSelector)
}

/** Requests with credentials or cookies may be answered differently from those without. */
function likenessOf({ key, traits: found }: Asked): string {
  const flags = found & (traits.authorization | traits.cookie)
  return flags === 0 ? key : `${key}\n${flags}`
}
