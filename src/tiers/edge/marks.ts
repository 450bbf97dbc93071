// Keys with a mark that ends by itself. Three things are marked, because a next request should not find them out again:
//
// passing: its answers are not kept, so its requests go on at once and do not wait for each other's answers, which would be
// for nobody else (Varnish calls it hit-for-miss). failing: no server answered just now, and there is something to give. changed:
// other fronts may not have heard of it.

import { type Clock, systemClock } from '../../base/clock.ts'
import { marksMax } from './limits.ts'

/**
 * In two generations, of which the older is forgotten as a whole. Throwing out the oldest key of one map, again and again,
 * costs 25 us each time with 50,000 keys: V8 looks for the first that is left among all that were deleted.
 */
export class Marks {
  #younger = new Map<string, number>()
  #older = new Map<string, number>()
  readonly #clock: Clock

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  has(key: string): boolean {
    const untilMs = this.#younger.get(key) ?? this.#older.get(key)
    return untilMs !== undefined && untilMs > this.#clock.monotonic()
  }

  add(key: string, forMs: number): void {
    this.#younger.set(key, this.#clock.monotonic() + forMs)
    if (this.#younger.size < marksMax / 2) return
    this.#older = this.#younger
    this.#younger = new Map()
  }

  delete(key: string): void {
    this.#younger.delete(key)
    this.#older.delete(key)
  }
}
