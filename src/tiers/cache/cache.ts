// The cache that apps hold: freshness, single flight, namespaces and channels, written once over any engine.
//
// A hit in the process is decided first and by the engine alone. Keys and options are checked when there is none; a key
// that was found has been checked when it was set.

import { openChannel } from '../../base/channels.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { TenfoldError } from '../../base/errors.ts'
import { withTimeout } from '../../base/limits.ts'
import { type Random, systemRandom } from '../../base/random.ts'
import type {
  Cache,
  CacheEngine,
  CacheNamespace,
  KeepOptions,
  Kept,
  Through,
  ThroughOptions,
  WrapOptions,
  WriteBack,
} from './contract.ts'
import { ttlMsMax } from './duration.ts'
import { earlyFrom, isEarly } from './early-refresh.ts'
import { Failures } from './failures.ts'
import { Flights } from './flights.ts'
import { isShared, type SharedCacheEngine } from './shared/contract.ts'
import { holdOn, type Loaded, leaseMs, loadOnce } from './shared/load-once.ts'
import { bothTags, checkTag, type Terms, termsOf } from './terms.ts'
import { openThrough } from './through.ts'

const keyCharactersMax = 1024
const keysAtOnceMax = 1000
const channel = openChannel('tenfold:cache')

export interface CacheParts {
  /** What `write: 'back'` writes to unless told otherwise. */
  writeBack?: WriteBack
  /** Runs a load so that it sees the newest: what it brings is given to others, who may have seen more than who asks. */
  newest?: <T>(load: () => Promise<T>) => Promise<T>
  clock?: Clock
  random?: Random
}

/** What all namespaces of one cache share. */
interface Shared {
  engine: CacheEngine
  flights: Flights
  failures: Failures
  writeBack: WriteBack | undefined
  newest: NonNullable<CacheParts['newest']>
  clock: Clock
  random: Random
}

export function openCache(engine: CacheEngine, parts: CacheParts = {}): Cache {
  const { writeBack, newest = (load) => load(), clock = systemClock, random = systemRandom } = parts
  const failures = new Failures(clock, random)
  const flights = new Flights(clock, failures)
  if (isShared(engine))
    engine.watch((change) => {
      if (change.kind === 'key') flights.changed(change.key)
      else if (change.kind === 'tag') flights.changedTag(change.tag)
      else flights.changedPerhapsAny()
    })
  return new NamedCache({ engine, flights, failures, writeBack, newest, clock, random }, '', {})
}

class NamedCache implements CacheNamespace {
  readonly #shared: Shared
  readonly #engine: CacheEngine
  readonly #prefix: string
  readonly #defaults: WrapOptions

  constructor(shared: Shared, prefix: string, defaults: WrapOptions) {
    this.#shared = shared
    this.#engine = shared.engine
    this.#prefix = prefix
    this.#defaults = defaults
  }

  peek<T>(key: string): T | undefined {
    return this.#engine.peek?.(this.#prefix === '' ? key : this.#prefix + key) as T | undefined
  }

  wrap<T>(key: string, options: WrapOptions | (() => Promise<T>), load?: () => Promise<T>): Promise<T> {
    const full = this.#prefix === '' ? key : this.#prefix + key
    const hit = this.#engine.peekAwaited?.(full)
    if (hit === undefined) return this.#wrapSlowly(key, full, options, load)
    if (channel.hasSubscribers) publish(full, 'hit')
    return hit as Promise<T>
  }

  async #wrapSlowly<T>(
    key: string,
    full: string,
    options: WrapOptions | (() => Promise<T>),
    load: (() => Promise<T>) | undefined,
  ): Promise<T> {
    check(key, full)
    const terms = typeof options === 'function' ? termsOf({}, this.#defaults) : termsOf(options, this.#defaults)
    const work = typeof options === 'function' ? options : load
    if (typeof work !== 'function')
      throw new TenfoldError('bad-input', `cache.wrap of ${full} was given nothing to load by`)
    const answer = this.#engine.get(full)
    const kept = answer instanceof Promise ? await answer : answer
    const now = this.#shared.clock.now()
    const staleMs = kept === undefined ? Number.POSITIVE_INFINITY : now - kept.freshUntil
    const isFresh = staleMs < 0
    if (kept && (isFresh || staleMs < terms.staleForMs)) {
      const isDue = !isFresh || isEarly(now, kept.freshUntil, kept.loadMs, terms.earlyRefresh, this.#shared.random)
      if (isDue) this.#renew(full, terms, work)
      publish(full, isFresh ? 'hit' : 'stale')
      return kept.value as T
    }
    const fallback = kept && staleMs < terms.staleOnErrorMs ? kept : undefined
    if (!fallback) publish(full, 'miss')
    return this.#wait(full, terms, work, fallback) as Promise<T>
  }

  /** For the load of the key, its own or one that is under way. */
  async #wait(key: string, terms: Terms, work: () => Promise<unknown>, fallback: Kept | undefined): Promise<unknown> {
    const { softTimeoutMs = terms.hardTimeoutMs, hardTimeoutMs } = terms
    const waitMs = fallback ? Math.min(softTimeoutMs, hardTimeoutMs) : hardTimeoutMs
    try {
      const loaded = await withTimeout(this.#load(key, terms, work), waitMs, `the load of ${key}`)
      if (fallback) publish(key, 'miss')
      return loaded
    } catch (error) {
      if (!fallback) throw error
      publish(key, 'stale')
      return fallback.value
    }
  }

  #renew(key: string, terms: Terms, work: () => Promise<unknown>): void {
    const { flights, failures } = this.#shared
    if (!flights.underWay(key) && !failures.pausing(key)) void this.#start(key, terms, work, true)
  }

  #load(key: string, terms: Terms, work: () => Promise<unknown>): Promise<unknown> {
    const { flights, failures } = this.#shared
    const underWay = flights.underWay(key, this.#flightMsMax())
    if (underWay) return underWay
    const failure = failures.pausing(key)
    return failure ? Promise.reject(failure.error) : this.#start(key, terms, work)
  }

  /** How old a flight may be that one gets on: while no word of changes comes, no older than what is near may be. */
  #flightMsMax(): number | undefined {
    const engine = this.#engine
    if (!isShared(engine) || this.#shared.clock.monotonic() < engine.coherentUntil) return undefined
    return engine.stalenessMsMax
  }

  #start(key: string, terms: Terms, work: () => Promise<unknown>, isRefresh = false): Promise<unknown> {
    const { flights, newest } = this.#shared
    const engine = this.#engine
    if (isShared(engine)) {
      const load = () => this.#loadForAll(engine, key, terms, work, isRefresh)
      return flights.start(key, terms.tags, load, () => {}) // the lease says whether it is remembered
    }
    return flights.start(
      key,
      terms.tags,
      () => newest(work),
      ({ value, loadMs }) => {
        const { kept, keepMs } = this.#keptOf(value, terms, loadMs)
        return keepMs > 0 ? engine.set(key, kept, keepMs) : engine.delete(key)
      },
    )
  }

  /** One load for all processes that share the engine. */
  async #loadForAll(
    engine: SharedCacheEngine,
    key: string,
    terms: Terms,
    work: () => Promise<unknown>,
    isRefresh: boolean,
  ): Promise<unknown> {
    const { clock, random, newest } = this.#shared
    const load = async () => {
      const startedAtMs = clock.monotonic()
      const value = await newest(work)
      return this.#keptOf(value, terms, clock.monotonic() - startedAtMs)
    }
    const options = { tags: terms.tags, clock, random }
    const kept = await loadOnce(engine, key, load, { ...options, isRefresh })
    // Another process renews it: what there is will do, for whoever joined this flight meanwhile.
    const found = kept ?? (await engine.get(key)) ?? (await loadOnce(engine, key, load, options))
    return found?.value
  }

  /** As it is remembered, and for how long; 0 for what is not. */
  #keptOf(value: unknown, terms: Terms, loadMs: number): Loaded {
    const { clock, random } = this.#shared
    const ttlMs = value === undefined ? terms.negativeTtlMs : terms.ttlMs
    const freshMs = Math.max(1, ttlMs * (1 - terms.jitter * random.next()))
    // Whole numbers are read in half the time (wire.ts).
    const freshUntil = Math.floor(clock.now() + freshMs)
    const wholeLoadMs = Math.ceil(loadMs)
    const calmUntil =
      terms.earlyRefresh === 0 ? freshUntil : Math.floor(earlyFrom(freshUntil, wholeLoadMs, terms.earlyRefresh))
    const staleMs = value === undefined ? 0 : Math.max(terms.staleForMs, terms.staleOnErrorMs)
    const kept: Kept = { value, freshUntil, calmUntil, loadMs: wholeLoadMs, tags: terms.tags }
    return { kept, keepMs: ttlMs === 0 ? 0 : Math.min(ttlMsMax, freshMs + staleMs) }
  }

  async get<T>(key: string): Promise<T | undefined> {
    const full = this.#prefix + key
    check(key, full)
    return this.#fresh(await this.#engine.get(full)) as T | undefined
  }

  async getMany<T>(keys: readonly string[]): Promise<Array<T | undefined>> {
    if (keys.length > keysAtOnceMax)
      throw new TenfoldError('bad-input', `at most ${keysAtOnceMax} keys at once, got ${keys.length}`)
    const full = keys.map((key) => this.#prefix + key)
    keys.forEach((key, i) => {
      check(key, full[i] as string)
    })
    const found = await this.#engine.getMany(full)
    return found.map((kept) => this.#fresh(kept) as T | undefined)
  }

  async set(key: string, value: unknown, options: KeepOptions = {}): Promise<void> {
    const full = this.#prefix + key
    check(key, full)
    const terms = termsOf(options, this.#defaults)
    this.#shared.flights.changed(full)
    if (value === undefined) await this.#engine.delete(full)
    else {
      const { kept, keepMs } = this.#keptOf(value, terms, 0)
      await this.#engine.set(full, kept, keepMs)
    }
  }

  /**
   * Changes the truth by `store` and remembers `value`, unless somebody else changed the key meanwhile: which of two is the
   * newer, the truth alone knows. So with an engine that is shared a lease is taken first, which any change ends; whoever
   * has none, or had it ended, forgets what there is, as for a `value` of undefined. @throws what `store` throws, and then
   * nothing old is left.
   */
  async replace(key: string, value: unknown, options: KeepOptions, store: () => Promise<void>): Promise<void> {
    const full = this.#prefix + key
    check(key, full)
    const engine = this.#engine
    const terms = termsOf(options, this.#defaults)
    const claim = isShared(engine) ? await engine.claim(full, { leaseMs, tags: terms.tags, isChange: true }) : undefined
    const storing = new AbortController()
    // However long it takes: nobody else fills in what was there before, which would stay should this process die just after.
    const holding =
      isShared(engine) && claim?.outcome === 'lease'
        ? holdOn(engine, claim.lease, this.#shared.clock, storing.signal)
        : undefined
    try {
      await store()
    } catch (error) {
      await this.delete(key)
      throw error
    } finally {
      storing.abort()
      await holding
    }
    if (!isShared(engine) || !claim || value === undefined) return this.set(key, value, options)
    this.#shared.flights.changed(full)
    const { kept, keepMs } = this.#keptOf(value, terms, 0)
    const isKept = claim.outcome === 'lease' && (await engine.fill(claim.lease, kept, keepMs, { isChange: true }))
    if (!isKept) await engine.delete(full)
  }

  async delete(key: string): Promise<void> {
    const full = this.#prefix + key
    check(key, full)
    this.#shared.flights.changed(full)
    await this.#engine.delete(full)
  }

  async deleteTag(tag: string): Promise<void> {
    checkTag(tag)
    this.#shared.flights.changedTag(tag)
    await this.#engine.deleteTag(tag)
  }

  async deletePrefix(prefix: string): Promise<void> {
    check(prefix, this.#prefix + prefix)
    await this.#clear(this.#prefix + prefix)
  }

  async clear(): Promise<void> {
    await this.#clear(this.#prefix)
  }

  async #clear(prefix: string): Promise<void> {
    this.#shared.flights.changedPrefix(prefix)
    await this.#engine.deletePrefix(prefix)
  }

  namespace(name: string, defaults: WrapOptions = {}): NamedCache {
    check(name, this.#prefix + name)
    const both = { ...this.#defaults, ...defaults, tags: bothTags(this.#defaults.tags, defaults.tags) }
    // Said at once, and not by the first miss.
    if (both.ttl !== undefined || both.kind !== undefined) termsOf({}, both)
    return new NamedCache(this.#shared, `${this.#prefix}${name}:`, both)
  }

  through<T>(options: ThroughOptions<T>): Through<T> {
    const { name } = options
    return openThrough(this.namespace(name, options), this.#prefix + name, options, this.#shared.writeBack)
  }

  #fresh(kept: Kept | undefined): unknown {
    return kept && this.#shared.clock.now() < kept.freshUntil ? kept.value : undefined
  }
}

/** `full`: with its namespaces, which count. */
function check(key: string, full: string): void {
  if (typeof key === 'string' && key.length > 0 && full.length <= keyCharactersMax) return
  const got = typeof key === 'string' ? `one of ${full.length}` : typeof key
  throw new TenfoldError('bad-input', `a cache key is a string of 1 to ${keyCharactersMax} characters, got ${got}`)
}

/** Ratios are counted by name: the part before the first colon, `user` of `user:7`. */
function publish(key: string, outcome: 'hit' | 'miss' | 'stale'): void {
  if (!channel.hasSubscribers) return
  const colon = key.indexOf(':')
  channel.publish({ name: colon === -1 ? key : key.slice(0, colon), outcome })
}
