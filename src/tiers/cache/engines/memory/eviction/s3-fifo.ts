// S3-FIFO, and beside it the same queues behind a guard.
//
// Source: J. Yang, Y. Zhang, Z. Qiu, Y. Yue, R. V. Rashmi, "FIFO queues are all you need for cache eviction" (SOSP 2023),
// algorithm 1, with sizes in bytes and promotion after one hit instead of two (over 37 cells of public traces both close
// 31% of the gap between LRU and the optimum, and with one hit none falls below LRU). What comes in goes to `small`, a tenth
// of the room, and leaves it soon unless it was asked for there; `main` is a FIFO that gives each place another round for
// every time it was asked for, three at most. What comes back while it is a ghost goes to `main` at once.
//
// The guard is TinyLFU's (source in frequency.ts): into a full `main` comes only what was asked for more often lately
// than what would have to leave. It is what keeps a part of a loop that is larger than the room, where every order of
// age drops each value just before it is needed; and it is wrong where what is new matters. adaptive.ts chooses.
//
//     room 10, loop of 20: unguarded, each of the 20 is gone when its turn comes again, no hit at all;
//     guarded, nine of them stay, since the others were asked for as often and no more: 9 hits of 20.

import { type Eviction, hashMax, hitsMax } from './eviction.ts'
import { FrequencySketch } from './frequency.ts'
import { Ghosts } from './ghosts.ts'
import { type Place, PlaceQueue } from './place-queue.ts'

/** How many places of main one eviction gives another round before it takes the next as it is; the guard's only. */
const guardStepsMax = 8

export interface S3FifoOptions {
  roomBytes: number
  /** Share of the room that is `small`. */
  smallShare?: number
  guarded?: boolean
}

export const guardedSmallShare = 0.01

export class S3Fifo implements Eviction {
  readonly #small = new PlaceQueue()
  readonly #main = new PlaceQueue()
  readonly #ghosts = new Ghosts()
  readonly #frequency = new FrequencySketch()
  roomBytes: number
  smallShare: number
  /** The guard has to know how often everything is asked for, and not only whether. */
  touchUpTo: number
  #guarded: boolean

  constructor({ roomBytes, smallShare = 0.1, guarded = false }: S3FifoOptions) {
    this.roomBytes = roomBytes
    this.smallShare = smallShare
    this.#guarded = guarded
    this.touchUpTo = guarded ? hashMax : -1
  }

  get guarded(): boolean {
    return this.#guarded
  }

  set guarded(guarded: boolean) {
    this.#guarded = guarded
    this.touchUpTo = guarded ? hashMax : -1
  }

  get bytes(): number {
    return this.#small.bytes + this.#main.bytes
  }

  get count(): number {
    return this.#small.count + this.#main.count
  }

  add(place: Place): void {
    this.#frequency.add(place.hash, this.count)
    const isBack = this.#ghosts.take(place.hash)
    if (isBack && !this.#guarded) this.#main.push(place)
    else this.#small.push(place)
  }

  touch(place: Place): void {
    if (place.hits < hitsMax) place.hits++
    if (this.#guarded) this.#frequency.add(place.hash, this.count)
  }

  remove(place: Place): void {
    place.queue?.remove(place)
  }

  resize(place: Place, bytes: number): void {
    if (place.queue) place.queue.bytes += bytes - place.bytes
    place.bytes = bytes
  }

  evict(): Place | undefined {
    // Each round takes a hit from a place or moves one from small to main, which happens once: it ends.
    while (this.count > 0) {
      const isSmallFull = this.#small.bytes > this.roomBytes * this.smallShare || this.#main.count === 0
      const evicted = !isSmallFull ? this.#stepMain() : this.#guarded ? this.#stepGuard() : this.#stepSmall()
      if (evicted) return evicted
    }
    return undefined
  }

  #stepSmall(): Place | undefined {
    const place = this.#small.oldest
    if (!place) return undefined
    if (place.hits === 0) return this.#drop(place, true)
    this.#promote(place)
    return undefined
  }

  #stepMain(): Place | undefined {
    const place = this.#main.oldest
    if (!place) return undefined
    if (place.hits === 0) return this.#drop(place, false)
    place.hits--
    this.#main.renew(place)
    return undefined
  }

  #stepGuard(): Place | undefined {
    const candidate = this.#small.oldest
    if (!candidate) return undefined
    const isThereRoom = this.#main.bytes + candidate.bytes <= this.roomBytes * (1 - this.smallShare)
    const victim = isThereRoom ? undefined : this.#victim()
    if (victim && this.#frequency.of(candidate.hash) <= this.#frequency.of(victim.hash))
      return this.#drop(candidate, true)
    this.#promote(candidate)
    return victim && this.#drop(victim, false)
  }

  #victim(): Place | undefined {
    for (let i = 0; i < guardStepsMax; i++) {
      const { oldest } = this.#main
      if (!oldest || oldest.hits === 0) return oldest
      oldest.hits--
      this.#main.renew(oldest)
    }
    return this.#main.oldest
  }

  #promote(place: Place): void {
    this.#small.remove(place)
    place.hits = 0
    this.#main.push(place)
  }

  #drop(place: Place, isRemembered: boolean): Place {
    place.queue?.remove(place)
    if (isRemembered) this.#ghosts.add(place, this.roomBytes * (1 - this.smallShare))
    return place
  }
}
