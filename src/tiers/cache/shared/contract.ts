// What an engine promises beyond CacheEngine when several processes share it: one load for all of them, word of changes,
// locks and limits.
//
// Lease: the right of one process to load a key for all. It ends with the first set or delete of the key, with its time,
// or when it is given up; a fill under a lease that ended is refused. So a load that was slow never brings back what was
// replaced meanwhile (R. Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, 3.2.1).

import type { CacheEngine, Kept } from '../contract.ts'

export interface SharedCacheEngine extends CacheEngine {
  get(key: string): Promise<Kept | undefined>
  getMany(keys: readonly string[]): Promise<Array<Kept | undefined>>
  set(key: string, kept: Kept, keepMs: number): Promise<void>
  delete(key: string): Promise<void>
  deleteTag(tag: string): Promise<void>
  deletePrefix(prefix: string): Promise<void>
  /** What there is, or else who loads it. Never rejects: `alone` when the store cannot be asked. */
  claim(key: string, options: ClaimOptions): Promise<Claim>
  /** Whether the lease is still held, now for `leaseMs` from now. False too when the store cannot be asked. */
  extend(lease: Lease, leaseMs: number): Promise<boolean>
  /**
   * Keeps what was loaded and ends the lease. False when it ended before, or the store cannot be asked. `isChange`: it is not
   * what lay where the truth lies, but what was just put there, and older copies have to go, wherever they are.
   */
  fill(lease: Lease, kept: Kept, keepMs: number, options?: { isChange?: boolean }): Promise<boolean>
  /** The load failed: the next who asks may try. Never rejects. */
  release(lease: Lease): Promise<void>
  /** Word of every change of a key or a tag, by whomever, own ones too. Answers how to end it. */
  watch(listener: (change: Change) => void): () => void
  /**
   * Until then, on the monotonic clock, whoever drops what `watch` tells of holds nothing older than `stalenessMsMax`.
   * It moves on as long as word can come. When it has passed, what is held in front of the engine is not to be used.
   */
  readonly coherentUntil: number
  readonly stalenessMsMax: number
}

export interface ClaimOptions {
  /** After this somebody else may load. Long enough for a process that is busy to extend it, short for one that died. */
  leaseMs: number
  tags?: readonly string[]
  /** A lease is wanted although there is a value, to renew it before it ends. */
  isRefresh?: boolean
  /**
   * A lease is wanted because the truth is about to change. What there is, whoever holds the lease, ends when the lease would:
   * should the process die before it says what the change was, nothing old outlives it for long.
   */
  isChange?: boolean
}

export type Claim =
  | { outcome: 'found'; kept: Kept }
  | { outcome: 'lease'; lease: Lease }
  | { outcome: 'wait' } // somebody else loads it: ask again in a moment
  | { outcome: 'alone' }

export interface Lease {
  readonly key: string
  readonly token: string
  /** Tags with their versions from before the load: if one of them is deleted during the load, so is what it brings. */
  readonly tags: ReadonlyArray<readonly [tag: string, version: string]>
}

/** `all`: word may have been lost; whatever is held in front of the engine has to go. */
export type Change = { kind: 'key'; key: string } | { kind: 'tag'; tag: string } | { kind: 'all' }

/** Something that one holder at a time has. Whoever guards a resource with it has the resource refuse lower tokens. */
export interface Locks {
  /**
   * Undefined when somebody has it. @throws unavailable when the store cannot be asked, and then nobody may go on:
   * a lock that is given without asking is none.
   */
  acquire(name: string, options: { holdMs: number }): Promise<Lock | undefined>
}

export interface Lock {
  readonly name: string
  /** Above the token of every earlier holder (M. Kleppmann, "How to do distributed locking", 2016). */
  readonly token: number
  /** Whether it is still held, now for `holdMs` from now. @throws unavailable */
  extend(holdMs: number): Promise<boolean>
  /** Whether it was still held. @throws unavailable */
  release(): Promise<boolean>
}

export interface RateLimiter {
  /** Counts `cost` against `name`. Never more than `limit` in any `windowMs`. @throws unavailable */
  take(name: string, options: { limit: number; windowMs: number; cost?: number }): Promise<Taken>
}

export interface Taken {
  isAllowed: boolean
  remaining: number
  /** When room comes back. 0 when there is some. */
  retryMs: number
}

/** An engine that only one process has does not need to agree with anybody. */
export function isShared(engine: CacheEngine): engine is SharedCacheEngine {
  return 'claim' in engine
}
