// A queue of places, out of whose middle they can be taken.
//
// Linked, and not in a Map by age as textbooks do it: V8's Map keeps tombstones of what was deleted, and
// `map.keys().next()` walks over all of them, so that "delete the first key" runs 36 times slower than this.

/** The place of one value. It is used once: what is evicted gets a new one. */
export interface Place {
  /** Of the key, 31 bits, so that V8 keeps it as a small integer. */
  readonly hash: number
  bytes: number
  /** How often it was asked for since its policy last looked; a policy may stop counting where more makes no difference. */
  hits: number
  queue: PlaceQueue | undefined
  newer: Place | undefined
  older: Place | undefined
}

export class PlaceQueue {
  bytes = 0
  count = 0
  newest: Place | undefined = undefined
  oldest: Place | undefined = undefined

  push(place: Place): void {
    place.queue = this
    place.newer = undefined
    place.older = this.newest
    if (this.newest) this.newest.newer = place
    else this.oldest = place
    this.newest = place
    this.bytes += place.bytes
    this.count++
  }

  remove(place: Place): void {
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

  /** The oldest gets another round. */
  renew(place: Place): void {
    if (this.newest === place) return
    this.remove(place)
    this.push(place)
  }
}
