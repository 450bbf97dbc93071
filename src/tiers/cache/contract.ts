// What every cache engine promises: a value that was put may come back until its time to live is over, or may not.
//
// Fresh: within its `ttl`. Stale: after it, still kept for those who would rather have something old than wait or fail.
// Flight: a load under way for a key. Tag: a word that stands on many values, by which they can be deleted together.

/** `250` (milliseconds) or `'30s'`, `'5m'`, `'2h'`, `'1d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/** Kinds of data with sensible times; what each means stands in kinds.ts. */
export type DataKind = 'session' | 'changing' | 'reference' | 'popular'

export interface KeepOptions {
  /** How long the value is fresh. This or `kind`, here or in the namespace, has to be given. */
  ttl?: Duration
  /** Defaults for every option, by kind of data. What is said beside it wins. */
  kind?: DataKind
  /** Share of `ttl` that is cut off by chance, so that what was put together does not end together. 0 to 1. */
  jitter?: number
  /** At most 16. `deleteTag` of any of them deletes the value. */
  tags?: readonly string[]
}

export interface WrapOptions extends KeepOptions {
  /** How long it is remembered that there is nothing (`undefined`). Not at all unless given. */
  negativeTtl?: Duration
  /** Stale-while-revalidate: this long after `ttl` the old value is given at once, and one load renews it meanwhile. */
  staleFor?: Duration
  /** This long after `ttl` the old value is given when the load fails. */
  staleOnError?: Duration
  /** Whoever has an old value (`staleOnError`) waits no longer than this for the new one. The load goes on. */
  softTimeout?: Duration
  /** Nobody waits longer than this: `timeout`. The load goes on, and what it brings is remembered. */
  hardTimeout?: Duration
  /**
   * Eagerness to renew popular values before they end, so that no caller waits at the end: 1 is the best known value, more
   * is earlier, 0 (the default) never. See early-refresh.ts.
   */
  earlyRefresh?: number
}

/** What apps hold. */
export interface Cache {
  /**
   * The remembered value of `key`, or else what `load` answers, remembered for `ttl`. Callers at the same time in one
   * process share one load; an error is handed to all of them. The first error is not remembered, those that follow it are,
   * briefly and each for longer, so that an origin that is down is not asked by every caller. `undefined` is not
   * remembered unless `negativeTtl` says so.
   */
  wrap<T>(key: string, options: WrapOptions, load: () => Promise<T>): Promise<T>
  /** What lies fresh in this process, at once. Undefined when it takes a wait to know, or when it is due to be renewed early. */
  peek<T>(key: string): T | undefined
  get<T>(key: string): Promise<T | undefined>
  /** In the order of the keys; undefined where there is nothing. At most 1,000 keys. */
  getMany<T>(keys: readonly string[]): Promise<Array<T | undefined>>
  set<T>(key: string, value: T, options: KeepOptions): Promise<void>
  /** A load that is under way does not bring the old value back. */
  delete(key: string): Promise<void>
  deleteTag(tag: string): Promise<void>
  /** Everything whose key starts with `prefix`, which is not empty. */
  deletePrefix(prefix: string): Promise<void>
  /** The same cache for keys under `name:`, with options that its values have unless told otherwise. */
  namespace(name: string, defaults?: WrapOptions): CacheNamespace
  /** Reads and writes of one kind of thing through the cache, by one of the strategies. */
  through<T>(options: ThroughOptions<T>): Through<T>
}

/** A cache whose namespace already says how long values are kept, so that options may be left out. */
export interface CacheNamespace extends Cache {
  wrap<T>(key: string, options: WrapOptions, load: () => Promise<T>): Promise<T>
  wrap<T>(key: string, load: () => Promise<T>): Promise<T>
  set<T>(key: string, value: T, options?: KeepOptions): Promise<void>
  /** Everything in it. */
  clear(): Promise<void>
}

export interface ThroughOptions<T> extends WrapOptions {
  /** Its namespace in the cache. */
  name: string
  load(key: string): Promise<T | undefined>
  /**
   * Writes to where the truth lies; undefined deletes. Without it the object is read-only. With `back` it is called at
   * least once for the last of the writes that waited together, and `write` says which one that is.
   */
  store?(key: string, value: T | undefined, write?: BackWrite): Promise<void>
  /**
   * `through`: store, then remember. `around`: store, then forget (for what is rarely read after it was written).
   * `back`: acknowledged when `writes` has it for good; stored later, in the order of each key. Default `through`.
   */
  write?: 'through' | 'around' | 'back'
  /** Where writes wait, of `back` alone. In an app the database keeps them unless told otherwise. */
  writes?: WriteQueue<T>
}

/** A waiting write in the hands of `store`. */
export interface BackWrite {
  /**
   * Grows with every write of the key. A process that was stopped in the middle of `store` and goes on after another one has
   * stored a newer write would bring the old value back: a truth that refuses lower versions is safe from that.
   */
  readonly version: number
  /** 1 for the first. */
  readonly attempt: number
  /** Aborts when it takes too long, when somebody else has taken the write over, or when the process stops. */
  readonly signal: AbortSignal
}

export interface Through<T> {
  get(key: string): Promise<T | undefined>
  /** @throws `conflict` without `store`; whatever `store` throws, and then nothing old is left in the cache. */
  set(key: string, value: T): Promise<void>
  delete(key: string): Promise<void>
}

/** A write that was acknowledged and not yet stored. */
export interface WaitingWrite<T> {
  readonly key: string
  /** undefined deletes. */
  readonly value: T | undefined
}

/**
 * The durable seam of write-back. Writes of one key are handed to `store` one after the other, in the order of `append`. Of those that
 * wait at the same time the earlier ones may be left out: a write says all there is about its key, so that whoever
 * looks at the truth sees no more than that it was overtaken.
 */
export interface WriteQueue<T> {
  /** Resolves when a crash cannot lose the write any more. */
  append(name: string, write: WaitingWrite<T>): Promise<void>
  /**
   * The newest write of the key that is not stored yet. Asked before every load, since the truth is still old there.
   */
  waiting(name: string, key: string): Promise<WaitingWrite<T> | undefined>
}

/** Write-back of one process: where writes wait unless told otherwise, and who stores them. */
export interface WriteBack {
  readonly queue: WriteQueue<unknown>
  /** This process stores waiting writes of the name from now on. @throws conflict when something in it does already. */
  handle(name: string, store: (key: string, value: unknown, write: BackWrite) => Promise<void>): void
}

/** A value as an engine keeps it, and hands it out again. Treat it as frozen, and the value inside too. */
export interface Kept {
  /** undefined: it is known that there is nothing. */
  readonly value: unknown
  /** Until then it is fresh; wall clock, milliseconds since 1970, since processes on several machines compare it. */
  readonly freshUntil: number
  /** Until then, the same clock, a hit needs no thought: before it no early refresh is due. At most `freshUntil`. */
  readonly calmUntil: number
  /** How long the load took; what early refresh reckons with. */
  readonly loadMs: number
  readonly tags: readonly string[]
}

/**
 * What an engine implements. Every method may be called at the same time as any other. An engine that cannot be reached
 * answers as if it were empty and within a bounded time: a cache never fails a request. After `close` nothing is found.
 * An engine in the process answers without a promise.
 */
export interface CacheEngine {
  get(key: string): Promise<Kept | undefined> | Kept | undefined
  /**
   * The path of a hit in the process: the value, when it is there, calm, and something. Undefined leaves it to `get`. An
   * engine that holds nothing in the process leaves it out.
   */
  peek?(key: string): unknown
  /** The same as a promise, made once for each value and not for each hit. */
  peekAwaited?(key: string): Promise<unknown> | undefined
  /** In the order of the keys. */
  getMany(keys: readonly string[]): Promise<Array<Kept | undefined>> | Array<Kept | undefined>
  /** Kept for at most `keepMs`, stale time included. */
  set(key: string, kept: Kept, keepMs: number): Promise<void> | void
  delete(key: string): Promise<void> | void
  deleteTag(tag: string): Promise<void> | void
  deletePrefix(prefix: string): Promise<void> | void
  close(): Promise<void>
}
