// The default: S3-FIFO, and behind its guard for as long as that would have hit more.
//
// Both run beside the cache on a sample of the keys, in a room smaller by the same share, and what would have hit lately
// decides. Sources: C. Waldspurger, T. Saemundsson, I. Ahmad, N. Park, "Cache Modeling and Optimization using Miniature
// Simulations" (USENIX ATC 2017); the duel of two policies is that of M. Qureshi et al., "Adaptive Insertion Policies for
// High Performance Caching" (ISCA 2007). The sample holds at most 1,024 places a side, whatever the size of the cache, and
// for a cache that holds fewer it is the whole of it.

import { hashMax } from './eviction.ts'
import type { Place } from './place-queue.ts'
import { guardedSmallShare, S3Fifo } from './s3-fifo.ts'
import { S3FifoShadow } from './s3-fifo-shadow.ts'

const openSmallShare = 0.1
const sampledPlacesMax = 1024
/** Sampled requests between two decisions, as a multiple of the places in the sample, and never fewer than this. */
const requestsPerPlace = 2
const requestsMin = 256
/** Share of what was counted that is left after each decision: about the last two windows speak. */
const memory = 0.5
/** Sampled hits that one eviction pays for. While nothing has to leave, it does not matter who would have kept what. */
const hitsPerEviction = 64
const hitsAheadMax = 4096
/** The other side has to be better by this share of the requests, so that chance does not toss between equals. */
const marginToGuard = 0.02
const marginToOpen = 0.005

export class Adaptive extends S3Fifo {
  readonly #open: S3FifoShadow
  readonly #guarded: S3FifoShadow
  /** A key is in the sample when its hash is not above. */
  #sampledUpTo = hashMax
  #hitsLeft = 0
  #requests = 0
  #counted = 0

  constructor({ roomBytes }: { roomBytes: number }) {
    super({ roomBytes, smallShare: openSmallShare })
    this.#open = new S3FifoShadow({ roomBytes, smallShare: openSmallShare })
    this.#guarded = new S3FifoShadow({ roomBytes, smallShare: guardedSmallShare, guarded: true })
  }

  override add(place: Place): void {
    super.add(place)
    if (place.hash <= this.#sampledUpTo) this.#sample(place)
  }

  override touch(place: Place): void {
    super.touch(place)
    if (this.#hitsLeft > 0 && place.hash <= this.#sampledUpTo) this.#sampleHit(place)
  }

  override evict(): Place | undefined {
    this.#hitsLeft = Math.min(hitsAheadMax, this.#hitsLeft + hitsPerEviction)
    if (!this.guarded) this.touchUpTo = this.#sampledUpTo
    return super.evict()
  }

  #sampleHit(place: Place): void {
    if (--this.#hitsLeft <= 0 && !this.guarded) this.touchUpTo = -1
    this.#sample(place)
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
    this.#sampledUpTo >>>= 1
    this.#open.keepUpTo(this.#sampledUpTo)
    this.#guarded.keepUpTo(this.#sampledUpTo)
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
    this.guarded = guarded
    this.smallShare = guarded ? guardedSmallShare : openSmallShare
  }
}
