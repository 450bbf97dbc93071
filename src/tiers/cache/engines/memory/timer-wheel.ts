// Expiry without scanning: every entry stands in a slot for the tick at which it ends, near ends in fine slots, far ones in
// coarse, from which they move to finer ones as they come near.
//
// Source: G. Varghese, A. Lauck, "Hashed and Hierarchical Timing Wheels" (SOSP 1987), scheme 7. A step over any span looks
// at 64 slots a level at most. An entry ends within one tick after its time, never before.
//
//     ticks of 16 ms, now 0: an end in 100 ms is tick 7, level 0, slot 7; one in 10 s is tick 625, level 1, slot 9
//     (625 >> 6). At tick 576 (9 << 6) slot 9 is emptied and the entry comes to level 0, slot 49 (625 & 63).

import type { Entry } from './entry.ts'

export const tickMs = 16
const slotBits = 6
const slotsPerLevel = 1 << slotBits
/** 64^5 ticks of 16 ms are 198 days; times to live end at 25. */
const levels = 5
/** Ticks of a slot, by level. */
const spans = Array.from({ length: levels + 1 }, (_, level) => slotsPerLevel ** level)

export class TimerWheel {
  /** The newest entry of each slot, level by level. */
  readonly #slots: Array<Entry | undefined> = new Array(slotsPerLevel * levels).fill(undefined)
  #nowTick: number
  count = 0

  constructor(nowMs: number) {
    this.#nowTick = Math.floor(nowMs / tickMs)
  }

  /** Puts it where it ends, out of where it stood. Answers the time at which the wheel has to be advanced for its sake. */
  add(entry: Entry, expiresAtMs: number): number {
    this.remove(entry)
    entry.expiryTick = Math.max(this.#nowTick + 1, Math.ceil(expiresAtMs / tickMs))
    this.count++
    return this.#link(entry) * tickMs
  }

  remove(entry: Entry): void {
    if (entry.slot === -1) return
    if (entry.later) entry.later.earlier = entry.earlier
    else this.#slots[entry.slot] = entry.earlier
    if (entry.earlier) entry.earlier.later = entry.later
    entry.slot = -1
    entry.later = undefined
    entry.earlier = undefined
    this.count--
  }

  /** Hands out what has ended, already out of the wheel. */
  advance(nowMs: number, ended: (entry: Entry) => void): void {
    const before = this.#nowTick
    const now = Math.floor(nowMs / tickMs)
    if (now <= before) return
    this.#nowTick = now
    for (let level = 0; level < levels; level++) {
      const span = spans[level] as number
      const from = Math.floor(before / span)
      const to = Math.floor(now / span)
      if (from === to) return
      for (let tick = from + 1; tick <= Math.min(to, from + slotsPerLevel); tick++)
        this.#empty(level * slotsPerLevel + (tick % slotsPerLevel), ended)
    }
  }

  /** When to advance next; undefined when nothing is in it. */
  get nextMs(): number | undefined {
    if (this.count === 0) return undefined
    let next = Number.POSITIVE_INFINITY
    for (let level = 0; level < levels; level++) {
      const span = spans[level] as number
      const now = Math.floor(this.#nowTick / span)
      for (let tick = now + 1; tick <= now + slotsPerLevel; tick++)
        if (this.#slots[level * slotsPerLevel + (tick % slotsPerLevel)]) {
          next = Math.min(next, tick * span)
          break
        }
    }
    return next * tickMs
  }

  #empty(slot: number, ended: (entry: Entry) => void): void {
    let entry = this.#slots[slot]
    this.#slots[slot] = undefined
    while (entry) {
      const { earlier } = entry
      entry.slot = -1
      entry.later = undefined
      entry.earlier = undefined
      if (entry.expiryTick <= this.#nowTick) {
        this.count--
        ended(entry)
      } else this.#link(entry)
      entry = earlier
    }
  }

  /** Answers the tick at which its slot is emptied. */
  #link(entry: Entry): number {
    const ahead = entry.expiryTick - this.#nowTick
    let level = 0
    while (level < levels - 1 && ahead >= (spans[level + 1] as number)) level++
    const span = spans[level] as number
    const tick = Math.floor(entry.expiryTick / span)
    const slot = level * slotsPerLevel + (tick % slotsPerLevel)
    const before = this.#slots[slot]
    entry.slot = slot
    entry.earlier = before
    if (before) before.later = entry
    this.#slots[slot] = entry
    return tick * span
  }
}
