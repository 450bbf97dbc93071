// Eviction that a scan does not disturb: S3-FIFO, three plain queues and no move on a hit.
//
// Source: J. Yang, Y. Zhang, Z. Qiu, Y. Yue, R. V. Rashmi, "FIFO queues are all you need for cache eviction" (SOSP 2023),
// algorithm 1, sizes in bytes. What comes in goes to `small`, a tenth of the room, and leaves it soon unless it was asked for
// twice there; `main` is a FIFO that gives each place another round for every time it was asked for, three at most. `ghosts`
// are the keys that left `small`: what comes back while it is one goes to `main` at once.
//
//     room 10, items of 1: a a b c d …   a was asked for twice and goes to main; b, c, d pass through small and are gone,
//     however many of them there are: a crawler takes a tenth of the room and not the rest of it.

import { GhostList } from './ghost-list.ts'

const smallShare = 0.1
/** The paper's threshold: more than one request while in `small`. */
const hitsForMain = 2
const hitsMax = 3

/** The place of one thing in the queues. A place is used once: what is evicted or removed gets a new one. */
export class Place<T> {
  readonly value: T
  readonly key: string
  bytes: number
  hits = 0
  queue: Queue<T> | undefined
  newer: Place<T> | undefined
  older: Place<T> | undefined

  constructor(value: T, key: string, bytes: number) {
    this.value = value
    this.key = key
    this.bytes = bytes
  }
}

export class S3Fifo<T> {
  readonly #small = new Queue<T>()
  readonly #main = new Queue<T>()
  readonly #ghosts = new GhostList()

  get bytes(): number {
    return this.#small.bytes + this.#main.bytes
  }

  get count(): number {
    return this.#small.count + this.#main.count
  }

  add(place: Place<T>): void {
    const queue = this.#ghosts.take(place.key) ? this.#main : this.#small
    queue.push(place)
  }

  /** What was here before all that is: it is what survived. */
  addOldest(place: Place<T>): void {
    this.#main.pushOldest(place)
  }

  /** A request was answered from it. */
  touch(place: Place<T>): void {
    if (place.hits < hitsMax) place.hits++
  }

  remove(place: Place<T>): void {
    place.queue?.remove(place)
  }

  resize(place: Place<T>, bytes: number): void {
    if (place.queue) place.queue.bytes += bytes - place.bytes
    place.bytes = bytes
  }

  /** Takes out what is needed least, where `roomBytes` is what all may take together. Undefined when it is empty. */
  evict(roomBytes: number): Place<T> | undefined {
    // Each round takes a hit from a place or moves one from small to main, which happens once: it ends.
    for (;;) {
      const isSmallFull = this.#small.bytes >= roomBytes * smallShare
      const evicted = isSmallFull || this.#main.count === 0 ? this.#stepSmall(roomBytes) : this.#stepMain()
      if (evicted || this.count === 0) return evicted
    }
  }

  clear(): void {
    this.#small.clear()
    this.#main.clear()
  }

  #stepSmall(roomBytes: number): Place<T> | undefined {
    const place = this.#small.oldest
    if (!place) return this.#stepMain()
    this.#small.remove(place)
    if (place.hits < hitsForMain) {
      this.#ghosts.add(place.key, place.bytes, roomBytes)
      return place
    }
    place.hits = 0
    this.#main.push(place)
    return undefined
  }

  #stepMain(): Place<T> | undefined {
    const place = this.#main.oldest
    if (!place) return undefined
    this.#main.remove(place)
    if (place.hits === 0) return place
    place.hits--
    this.#main.push(place)
    return undefined
  }
}

/** A FIFO out of whose middle things can be taken. */
class Queue<T> {
  bytes = 0
  count = 0
  newest: Place<T> | undefined
  oldest: Place<T> | undefined

  push(place: Place<T>): void {
    place.queue = this
    place.newer = undefined
    place.older = this.newest
    if (this.newest) this.newest.newer = place
    else this.oldest = place
    this.newest = place
    this.bytes += place.bytes
    this.count++
  }

  pushOldest(place: Place<T>): void {
    place.queue = this
    place.older = undefined
    place.newer = this.oldest
    if (this.oldest) this.oldest.older = place
    else this.newest = place
    this.oldest = place
    this.bytes += place.bytes
    this.count++
  }

  remove(place: Place<T>): void {
    if (place.newer) place.newer.older = place.older
    else this.newest = place.older
    if (place.older) place.older.newer = place.newer
    else this.oldest = place.newer
    place.queue = undefined
    place.newer = undefined
    place.older = undefined
    this.bytes -= place.bytes
    this.count--
  }

  clear(): void {
    for (let place = this.oldest; place; ) {
      const next: Place<T> | undefined = place.newer
      place.queue = undefined
      place.newer = undefined
      place.older = undefined
      place = next
    }
    this.bytes = 0
    this.count = 0
    this.newest = undefined
    this.oldest = undefined
  }
}
