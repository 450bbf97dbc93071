// How much more a larger cache would hit: the curve of hit ratio over size, from the reuse distances of a sample of keys.
//
// Reuse distance: the bytes of everything else that was asked for between two requests of one key; a cache by age (LRU)
// hits when it is larger than that. Source: C. Waldspurger, N. Park, A. Garthwaite, I. Ahmad, "Efficient MRC Construction
// with SHARDS" (FAST 2015), fixed size: keys whose hash is below a bound are followed, at most 4,096 of them, the bound is
// lowered when there are more, and distances are scaled up by the share that is followed. Unlike there, a key whose distance
// has grown beyond the curve is let go, so that a cache that runs for months follows what is asked for now.
//
//     followed: every fourth key. a, b, c, a with values of 10: 20 between the two of a, so a distance of 80 and a hit
//     in any cache above that.

import { hashMax } from './eviction/eviction.ts'

const keysMax = 4096
/** Requests in the tree before those that are out of date are cleared out. */
const timesMax = 4 * keysMax
/** The curve has points at every quarter of the room, to eight times of it. */
const bucketsPerRoom = 4
const roomsShown = 8
const buckets = bucketsPerRoom * roomsShown
/** After so many requests, what was counted counts half. */
const requestsPerHalf = 1 << 20
/**
 * A record costs 300 to 600 ns. At 20 a millisecond, 1% of a processor, fewer keys are followed, down to what still says
 * something; when requests are few again, more.
 */
const recordsPerMsMax = 20
const recordsPerCheck = 1024
const keysMin = 16

interface Followed {
  time: number
  bytes: number
}

export interface CurvePoint {
  bytes: number
  /** 0 to 1, of a cache of that size by age. The default policy lies above it; differences between points hold for it too. */
  hitRatio: number
}

export class ReuseSketch {
  /** Requests whose hash is below it are to be handed to `record`. */
  below = hashMax
  readonly #roomBytes: number
  /** By hash, in the order of the last request. */
  #keys = new Map<number, Followed>()
  /** Fenwick tree: at each time the bytes of the key that was last asked for then. */
  readonly #tree = new Float64Array(timesMax + 1)
  #time = 0
  #followedBytes = 0
  readonly #histogram = new Float64Array(buckets + 1)
  #recorded = 0

  readonly #nowMs: () => number
  #recordsToCheck = recordsPerCheck
  #checkedAtMs: number

  constructor(roomBytes: number, nowMs: () => number = () => performance.now()) {
    this.#roomBytes = Math.max(1, roomBytes)
    this.#nowMs = nowMs
    this.#checkedAtMs = nowMs()
  }

  record(hash: number, bytes: number): void {
    if (this.#time === timesMax) this.#renumber()
    const share = this.#share
    const known = this.#keys.get(hash)
    let bucket = buckets
    if (known) {
      const between = this.#followedBytes - this.#sumTo(known.time)
      bucket = Math.min(buckets, Math.floor(((between / share + bytes) / this.#roomBytes) * bucketsPerRoom))
      this.#add(known.time, -known.bytes)
      this.#followedBytes -= known.bytes
      this.#keys.delete(hash)
    }
    this.#histogram[bucket] = (this.#histogram[bucket] as number) + 1 / share
    this.#recorded += 1 / share
    const time = ++this.#time
    this.#keys.set(hash, { time, bytes })
    this.#add(time, bytes)
    this.#followedBytes += bytes
    if (this.#keys.size > keysMax) this.#lower()
    if (this.#recorded > requestsPerHalf) this.#halve()
    if (--this.#recordsToCheck === 0) this.#check()
  }

  /** Bytes of all that was asked for lately; eight times the room and a little stand for all that is more. */
  get workingSetBytes(): number {
    return this.#followedBytes / this.#share
  }

  curve(): CurvePoint[] {
    const points: CurvePoint[] = []
    let hits = 0
    for (let bucket = 0; bucket < buckets; bucket++) {
      hits += this.#histogram[bucket] as number
      const bytes = Math.round(((bucket + 1) / bucketsPerRoom) * this.#roomBytes)
      points.push({ bytes, hitRatio: this.#recorded === 0 ? 0 : hits / this.#recorded })
    }
    return points
  }

  get #share(): number {
    return this.below / hashMax
  }

  #check(): void {
    const now = this.#nowMs()
    const perMs = recordsPerCheck / Math.max(0.001, now - this.#checkedAtMs)
    this.#recordsToCheck = recordsPerCheck
    this.#checkedAtMs = now
    if (perMs > recordsPerMsMax && this.#keys.size >= 2 * keysMin) this.#lower()
    else if (perMs < recordsPerMsMax / 4 && this.#keys.size < keysMax / 4) this.#raise()
  }

  #raise(): void {
    this.below = Math.min(hashMax, this.below * 2)
  }

  #lower(): void {
    this.below = Math.floor(this.below / 2)
    for (const [hash, { time, bytes }] of this.#keys)
      if (hash >= this.below) {
        this.#keys.delete(hash)
        this.#add(time, -bytes)
        this.#followedBytes -= bytes
      }
  }

  #halve(): void {
    this.#recorded /= 2
    for (let i = 0; i <= buckets; i++) this.#histogram[i] = (this.#histogram[i] as number) / 2
  }

  /** Times 1, 2, 3… again, in the order in which the keys stand: the Map is in the order of the last request. */
  #renumber(): void {
    this.#tree.fill(0)
    this.#time = 0
    const bytesMax = roomsShown * this.#roomBytes * this.#share
    const keys = new Map<number, Followed>()
    for (const [hash, followed] of this.#keys) {
      if (this.#followedBytes > bytesMax) {
        this.#followedBytes -= followed.bytes
        continue
      }
      followed.time = ++this.#time
      keys.set(hash, followed)
      this.#add(followed.time, followed.bytes)
    }
    this.#keys = keys
  }

  #add(time: number, bytes: number): void {
    for (let at = time; at <= timesMax; at += at & -at) this.#tree[at] = (this.#tree[at] as number) + bytes
  }

  #sumTo(time: number): number {
    let sum = 0
    for (let at = time; at > 0; at -= at & -at) sum += this.#tree[at] as number
    return sum
  }
}
