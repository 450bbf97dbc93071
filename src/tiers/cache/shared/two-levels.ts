// A cache in the process before the one that processes share, kept coherent by word of changes.
//
// Nothing is put into the near level but what was read from the far one while no word of it came: a read registers before
// it asks, and word of its key, or loss of word, spoils it. So whichever arrives first, the answer or the word of a change
// that the answer has not seen, the near level never keeps it: if the word comes first, the read is spoilt; if it comes
// second, it finds the value and drops it. What this process writes goes to the far level only, for the same reason: its
// own word and that of somebody who wrote right after it cannot be told apart.
//
// While word may be lost (`coherentUntil` has passed), the near level is empty and stays so. A look at a clock costs more
// than a hit, so that the first hit of each turn of the event loop has one, and every 64th: a timer alone would not do,
// since a process that was stopped meanwhile may serve what lies in its sockets before it runs its timers.

import { type Clock, systemClock } from '../../../base/clock.ts'
import type { CacheEngine, Kept } from '../contract.ts'
import type { Change, SharedCacheEngine } from './contract.ts'

/** Nothing stays near for longer without being read from far again, whatever went wrong. */
const nearMsMaxDefault = 60_000
const lookMs = 50
const hitsEachLookMax = 64

export interface TwoLevelsOptions {
  nearMsMax?: number
  clock?: Clock
}

/** A read from far, for all who ask for the key meanwhile. Once spoilt it is off the board, and who comes later reads anew. */
interface Reading {
  isSpoilt: boolean
  answer: Promise<Kept | undefined>
}

/** Closes both. */
export class TwoLevels implements SharedCacheEngine {
  readonly #near: CacheEngine
  readonly #far: SharedCacheEngine
  readonly #clock: Clock
  readonly #nearMsMax: number
  readonly #readings = new Map<string, Reading>()
  readonly #endWatch: () => void
  #timer: NodeJS.Timeout
  #isCoherent: boolean
  #hitsLeft = 0
  #isTurnKnown = false

  readonly claim: SharedCacheEngine['claim']
  readonly extend: SharedCacheEngine['extend']
  readonly release: SharedCacheEngine['release']
  readonly watch: SharedCacheEngine['watch']
  readonly stalenessMsMax: number

  constructor(near: CacheEngine, far: SharedCacheEngine, options: TwoLevelsOptions = {}) {
    const { nearMsMax = nearMsMaxDefault, clock = systemClock } = options
    this.#near = near
    this.#far = far
    this.#clock = clock
    this.#nearMsMax = nearMsMax
    this.#endWatch = far.watch((change) => this.#hear(change))
    this.#isCoherent = this.#mayHold()
    this.#timer = setInterval(() => this.#look(), lookMs)
    this.#timer.unref()
    this.claim = far.claim.bind(far)
    this.extend = far.extend.bind(far)
    this.release = far.release.bind(far)
    this.watch = far.watch.bind(far)
    // The timer notices late by this much, and nobody who asks before it.
    this.stalenessMsMax = far.stalenessMsMax + lookMs
  }

  get coherentUntil(): number {
    return this.#far.coherentUntil
  }

  peek(key: string): unknown {
    return this.#mayUseNear() ? this.#near.peek?.(key) : undefined
  }

  peekAwaited(key: string): Promise<unknown> | undefined {
    return this.#mayUseNear() ? this.#near.peekAwaited?.(key) : undefined
  }

  get(key: string): Promise<Kept | undefined> {
    if (!this.#mayUseNear()) return this.#far.get(key)
    const found = this.#near.get(key)
    if (found instanceof Promise) return found.then((kept) => kept ?? this.#getFar(key))
    return found ? Promise.resolve(found) : this.#getFar(key)
  }

  #getFar(key: string): Promise<Kept | undefined> {
    return this.#readings.get(key)?.answer ?? this.#begin(key)
  }

  getMany(keys: readonly string[]): Promise<Array<Kept | undefined>> {
    return Promise.all(keys.map((key) => this.get(key)))
  }

  set(key: string, kept: Kept, keepMs: number): Promise<void> {
    return this.#change({ kind: 'key', key }, () => this.#far.set(key, kept, keepMs))
  }

  delete(key: string): Promise<void> {
    return this.#change({ kind: 'key', key }, () => this.#far.delete(key))
  }

  deleteTag(tag: string): Promise<void> {
    return this.#change({ kind: 'tag', tag }, () => this.#far.deleteTag(tag))
  }

  async deletePrefix(prefix: string): Promise<void> {
    const forget = () => {
      this.#spoil()
      return this.#near.deletePrefix(prefix)
    }
    await forget()
    await this.#far.deletePrefix(prefix)
    await forget()
  }

  fill(...args: Parameters<SharedCacheEngine['fill']>): Promise<boolean> {
    return this.#change({ kind: 'key', key: args[0].key }, () => this.#far.fill(...args))
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#endWatch()
    this.#isCoherent = false
    this.#spoil()
    await Promise.all([this.#near.close(), this.#far.close()])
  }

  /** Before it, so that nobody here reads what is about to change; after it, so that whoever did meanwhile forgets. */
  async #change<T>(change: Change, work: () => Promise<T>): Promise<T> {
    this.#hear(change)
    try {
      return await work()
    } finally {
      this.#hear(change)
    }
  }

  #hear(change: Change): void {
    if (change.kind === 'key') {
      this.#spoil(change.key)
      void this.#near.delete(change.key)
    } else {
      this.#spoil()
      if (change.kind === 'tag') void this.#near.deleteTag(change.tag)
      else void this.#near.deletePrefix('')
    }
  }

  #begin(key: string): Promise<Kept | undefined> {
    const reading: Reading = { isSpoilt: false, answer: Promise.resolve(undefined) }
    this.#readings.set(key, reading)
    reading.answer = this.#read(key, reading)
    return reading.answer
  }

  async #read(key: string, reading: Reading): Promise<Kept | undefined> {
    try {
      const kept = await this.#far.get(key)
      const keeping = kept && !reading.isSpoilt && this.#isCoherent && this.#keepNear(key, kept)
      if (keeping) await keeping
      return kept
    } finally {
      // Once spoilt it is off the board, and another one may be on it.
      if (!reading.isSpoilt) this.#readings.delete(key)
    }
  }

  #spoil(key?: string): void {
    if (key === undefined) {
      for (const reading of this.#readings.values()) reading.isSpoilt = true
      this.#readings.clear()
      return
    }
    const reading = this.#readings.get(key)
    if (!reading) return
    reading.isSpoilt = true
    this.#readings.delete(key)
  }

  #keepNear(key: string, kept: Kept): Promise<void> | void {
    const ms = Math.min(this.#nearMsMax, kept.freshUntil - this.#clock.now())
    if (ms > 0) return this.#near.set(key, kept, ms)
  }

  #mayUseNear(): boolean {
    if (--this.#hitsLeft < 0) {
      this.#hitsLeft = hitsEachLookMax
      this.#look()
      if (!this.#isTurnKnown) {
        this.#isTurnKnown = true
        process.nextTick(this.#endTurn)
      }
    }
    return this.#isCoherent
  }

  readonly #endTurn = (): void => {
    this.#isTurnKnown = false
    this.#hitsLeft = 0
  }

  #look(): void {
    const mayHold = this.#mayHold()
    if (this.#isCoherent && !mayHold) this.#hear({ kind: 'all' })
    this.#isCoherent = mayHold
  }

  #mayHold(): boolean {
    return this.#clock.monotonic() < this.#far.coherentUntil
  }
}
