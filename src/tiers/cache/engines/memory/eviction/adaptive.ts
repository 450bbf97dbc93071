// The default: S3-FIFO, and behind its guard for as long as that would have hit more.
//
// Both run beside the cache on a sample of the keys, in a room smaller by the same share, and what would have hit lately
// decides. Sources: C. Waldspurger, T. Saemundsson, I. Ahmad, N. Park, "Cache Modeling and Optimization using Miniature
// Simulations" (USENIX ATC 2017); the duel of two policies is that of M. Qureshi et al., "Adaptive Insertion Policies for
// High Performance Caching" (ISCA 2007). The sample holds at most 1,024 places a side, whatever the size of the cache, and
// for a cache that holds fewer it is the whole of it.

import type { Eviction } from './eviction.ts'
import { Place } from './place-queue.ts'
import { guardedSmallShare, S3Fifo } from './s3-fifo.ts'

const openSmallShare = 0.1
/** Hashes have 31 bits; a key is in the sample when its hash is below the bound. */
const everyHash = 2 ** 31
const sampledPlacesMax = 1024
/** Sampled requests between two decisions, as a multiple of the places in the sample, and never fewer than this. */
const requestsPerPlace = 2
const requestsMin = 256
/** Share of what was counted that is left after each decision: about the last two windows speak. */
const memory = 0.5
/** The other side has to be better by this share of the requests, so that chance does not toss between equals. */
const marginToGuard = 0.02
const marginToOpen = 0.005

export class Adaptive implements Eviction {
  readonly #own: S3Fifo
  readonly #open: Shadow
  readonly #guarded: Shadow
  #below = everyHash
  #requests = 0
  #counted = 0

  constructor({ roomBytes }: { roomBytes: number }) {
    this.#own = new S3Fifo({ roomBytes, smallShare: openSmallShare })
    this.#open = new Shadow(new S3Fifo({ roomBytes, smallShare: openSmallShare }))
    this.#guarded = new Shadow(new S3Fifo({ roomBytes, smallShare: guardedSmallShare, guarded: true }))
  }

  get bytes(): number {
    return this.#own.bytes
  }

  get count(): number {
    return this.#own.count
  }

  add(place: Place): void {
    this.#own.add(place)
    if (place.hash < this.#below) this.#sample(place)
  }

  touch(place: Place): void {
    this.#own.touch(place)
    if (place.hash < this.#below) this.#sample(place)
  }

  remove(place: Place): void {
    this.#own.remove(place)
  }

  resize(place: Place, bytes: number): void {
    this.#own.resize(place, bytes)
  }

  evict(): Place | undefined {
    return this.#own.evict()
  }

  #sample({ hash, bytes }: Place): void {
    this.#open.ask(hash, bytes)
    this.#guarded.ask(hash, bytes)
    const { count } = this.#open
    if (count > sampledPlacesMax) this.#halveSample()
    if (++this.#requests < Math.max(requestsMin, requestsPerPlace * count)) return
    this.#decide()
  }

  #halveSample(): void {
    this.#below /= 2
    this.#open.keepBelow(this.#below)
    this.#guarded.keepBelow(this.#below)
  }

  #decide(): void {
    this.#counted = this.#counted * memory + this.#requests
    this.#requests = 0
    const gain = (this.#guarded.hits - this.#open.hits) / this.#counted
    if (gain > marginToGuard) this.#guard(true)
    else if (gain < -marginToOpen) this.#guard(false)
    this.#open.hits *= memory
    this.#guarded.hits *= memory
  }

  #guard(guarded: boolean): void {
    this.#own.guarded = guarded
    this.#own.smallShare = guarded ? guardedSmallShare : openSmallShare
  }
}

/** What one policy would have kept of the sample. */
class Shadow {
  hits = 0
  readonly #policy: S3Fifo
  readonly #places = new Map<number, Place>()

  constructor(policy: S3Fifo) {
    this.#policy = policy
  }

  get count(): number {
    return this.#places.size
  }

  ask(hash: number, bytes: number): void {
    const place = this.#places.get(hash)
    if (place) {
      this.hits++
      this.#policy.touch(place)
      return
    }
    const added = new Place(hash, bytes)
    this.#places.set(hash, added)
    this.#policy.add(added)
    while (this.#policy.bytes > this.#policy.roomBytes) {
      const evicted = this.#policy.evict()
      if (evicted) this.#places.delete(evicted.hash)
    }
  }

  /** Half the sample is gone, so is half the room. */
  keepBelow(bound: number): void {
    this.#policy.roomBytes /= 2
    for (const [hash, place] of this.#places)
      if (hash >= bound) {
        this.#policy.remove(place)
        this.#places.delete(hash)
      }
    while (this.#policy.bytes > this.#policy.roomBytes) {
      const evicted = this.#policy.evict()
      if (evicted) this.#places.delete(evicted.hash)
    }
  }
}
