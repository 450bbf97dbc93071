// Least frequently used, the least recently used among equals; a count is forgotten with its value.
//
// Source: K. Shah, A. Mitra, D. Matani, "An O(1) algorithm for implementing the LFU cache eviction scheme" (2010): a queue
// of places for every count, the queues linked in the order of their counts. What was popular once stays; popularity that
// moves on is what it is bad at, which is why it is not the default.

import { type Eviction, hashMax } from './eviction.ts'
import { type Place, PlaceQueue } from './place-queue.ts'

class CountQueue extends PlaceQueue {
  readonly hits: number
  more: CountQueue | undefined = undefined
  fewer: CountQueue | undefined = undefined

  constructor(hits: number) {
    super()
    this.hits = hits
  }
}

export class Lfu implements Eviction {
  readonly touchUpTo = hashMax
  bytes = 0
  count = 0
  #least: CountQueue | undefined = undefined

  add(place: Place): void {
    this.bytes += place.bytes
    this.count++
    if (this.#least?.hits !== 0) this.#least = this.#link(new CountQueue(0), undefined, this.#least)
    this.#least.push(place)
  }

  touch(place: Place): void {
    const queue = place.queue as CountQueue
    const hits = queue.hits + 1
    const next = queue.more?.hits === hits ? queue.more : this.#link(new CountQueue(hits), queue, queue.more)
    this.#take(place, queue)
    next.push(place)
  }

  remove(place: Place): void {
    this.bytes -= place.bytes
    this.count--
    this.#take(place, place.queue as CountQueue)
  }

  resize(place: Place, bytes: number): void {
    if (place.queue) place.queue.bytes += bytes - place.bytes
    this.bytes += bytes - place.bytes
    place.bytes = bytes
  }

  evict(): Place | undefined {
    const place = this.#least?.oldest
    if (place) this.remove(place)
    return place
  }

  #link(queue: CountQueue, fewer: CountQueue | undefined, more: CountQueue | undefined): CountQueue {
    queue.fewer = fewer
    queue.more = more
    if (fewer) fewer.more = queue
    if (more) more.fewer = queue
    return queue
  }

  #take(place: Place, queue: CountQueue): void {
    queue.remove(place)
    if (queue.count > 0) return
    if (queue.fewer) queue.fewer.more = queue.more
    else this.#least = queue.more
    if (queue.more) queue.more.fewer = queue.fewer
  }
}
