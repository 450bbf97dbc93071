// What a balancer knows of one server. Mutable, and carried from one snapshot to the next as long as the server
// keeps its id and its address.

import type { Upstream } from './contract.ts'
import { PeakEwma } from './peak-ewma.ts'

/** Of its weight, a server that has just come gets so much at once. */
const shareAtFirst = 0.1

export class ServerState {
  upstream: Upstream
  /** A server that is new starts as up: the map named it ready, and one failed connection takes it out. */
  isUp = true
  /** Why it is down. */
  reason: string | undefined
  /** It refuses connections: a fact, not an opinion. It is not asked even where health is not believed (panic). */
  isRefusing = false
  inFlight = 0
  /** Health checks in a row that said the opposite of `isUp`. */
  contrary = 0
  /** Real requests in a row that failed at it. */
  failuresInARow = 0
  /** Grows with each passive ejection: a check that began before one says nothing about after it. */
  ejections = 0
  wasChecked = false
  /** Time to the head of an answer. */
  readonly latency = new PeakEwma()
  /** Of weighted round robin: what it is owed. */
  credit = 0
  #rampStartMs = Number.NEGATIVE_INFINITY
  #rampMs = 0

  constructor(upstream: Upstream) {
    this.upstream = upstream
  }

  /** It is new, or came back: its share grows to the full one over so long. */
  rampUp(nowMs: number, rampMs: number): void {
    this.#rampStartMs = nowMs
    this.#rampMs = rampMs
    this.latency.reset()
  }

  /** What it is worth now, beside the others. Of weight 0 are only those that are asked when nobody else is there. */
  weightAt(nowMs: number): number {
    return (this.upstream.weight || 1) * this.shareAt(nowMs)
  }

  /** Of its weight, what it gets now. */
  shareAt(nowMs: number): number {
    if (this.#rampMs === 0) return 1
    const share = (nowMs - this.#rampStartMs) / this.#rampMs
    if (share < 1) return Math.max(shareAtFirst, share)
    this.#rampMs = 0
    return 1
  }
}

export function isSamePlace(one: Upstream, other: Upstream): boolean {
  return one.id === other.id && one.address === other.address && one.port === other.port
}
