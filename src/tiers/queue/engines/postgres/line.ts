// Where one process is in the line of one queue on one shard, so that a claim does not step over what was taken before.
//
// Jobs that were taken or are done lie at the front of the index: as leased rows, and as dead ones until PostgreSQL may
// clear them away, which a transaction that keeps its snapshot can put off for minutes. So a claim goes on where the last
// one ended. A job may still turn up behind that place, and is found in time all the same:
// - ids are given before the commit, so the place stays 50 ms behind the clock; commits that took longer are found by a
//   claim that begins a second back, ten times a second;
// - leases that ended, jobs handed back, transactions that were open for longer: by a look along the whole line, once a
//   second, which says where the first job is that could be taken (engine.ts; tenfold.look_for_job).
// Each rank (10 of them: 9 minus priority) has its own place; one that has no jobs is not asked for.

import { bucketsBetween, firstId, idAt, timeOf } from './job-time.ts'

const settledMs = 50
const backMs = 1000
const backIntervalMs = 100
const lookIntervalMs = 1000
/** What a look said is of no use any more. */
const lookAgeMsMax = 5000
/** Delayed jobs are looked for so often, and from so long before now on; a look along the line finds older ones. */
const laterIntervalMs = 50
const laterBackMs = 5000
const restRank = 9
/** A job lies in the table of the time at which its statement began; its id may be so much younger. */
const statementMs = 60_000
/** Ours and the server's clock are never quite the same. */
const clocksMs = 10_000
const freedKeysMax = 1000

interface Claim {
  ranks: number[]
  since: string[]
  buckets: number[]
  /** Undefined: no delayed jobs this time. */
  dueSince: Date | undefined
  isBack: boolean
  version: number
}

export class Line {
  /** Rank to the smallest id that the next claim looks at. */
  readonly #places = new Map<number, string>([[restRank, firstId]])
  /** Keys whose turn ended here: the next job of each can be taken at once. */
  readonly #freed = new Set<string>()
  /** Server's clock minus ours. */
  #offsetMs = 0
  #backAt = Number.NEGATIVE_INFINITY
  #lookedAt = Number.NEGATIVE_INFINITY
  #laterAt = Number.NEGATIVE_INFINITY
  #laterSince = 0
  #version = 0
  /** It has had jobs with keys. */
  hasKeys = false

  /** The next claim. `isBack`: from a second back, whether its time has come or not. */
  next(now: number, isBack: boolean): Claim {
    const serverNow = Date.now() + this.#offsetMs
    const goesBack = isBack || now - this.#backAt >= backIntervalMs
    if (goesBack) this.#backAt = now
    const back = idAt(serverNow - backMs)
    const ranks = [...this.#places.keys()].sort((a, b) => a - b)
    const since = ranks.map((rank) => {
      const place = this.#places.get(rank) as string
      return goesBack && place > back ? back : place
    })
    const from = since.toSorted()[0] ?? firstId
    const asksLater = now - this.#laterAt >= laterIntervalMs
    if (asksLater) this.#laterAt = now
    return {
      ranks,
      since,
      buckets: bucketsBetween(timeOf(from) - statementMs, serverNow + clocksMs),
      dueSince: asksLater ? new Date(this.#laterSince) : undefined,
      isBack: goesBack,
      version: this.#version,
    }
  }

  /** What came of a claim. `lastIds`: by rank, of the jobs taken; `stops`: where a rank's look was cut off. */
  took(
    claim: Claim,
    isFull: boolean,
    lastIds: Map<number, string>,
    stops: Map<number, string>,
    serverNow: number,
  ): void {
    this.#offsetMs = serverNow - Date.now()
    // Somebody pointed further back meanwhile.
    if (claim.version !== this.#version) return
    if (claim.dueSince && !isFull) this.#laterSince = serverNow - laterBackMs
    const settled = idAt(serverNow - settledMs)
    const lastRank = Math.max(-1, ...lastIds.keys())
    for (const rank of claim.ranks) {
      // Ranks behind the one that filled the hand were not looked at.
      if (isFull && rank > lastRank) break
      const end = isFull && rank === lastRank ? lastIds.get(rank) : stops.get(rank)
      const reached = end !== undefined && end < settled ? end : settled
      if (reached > (this.#places.get(rank) as string)) this.#places.set(rank, reached)
    }
  }

  /** A job that can be taken has been seen there, or may come there. True when the place moved back for it. */
  pointTo(rank: number, id: string | undefined): boolean {
    const place = this.#places.get(rank)
    const wanted = id ?? firstId
    if (place !== undefined && (id === undefined || place <= wanted)) return false
    this.#places.set(rank, wanted)
    this.#version++
    return true
  }

  /** Something was handed back: the next claim begins at the front. */
  rewind(): void {
    for (const rank of this.#places.keys()) this.#places.set(rank, firstId)
    this.#laterSince = 0
    this.#laterAt = Number.NEGATIVE_INFINITY
    this.#version++
  }

  /** Delayed jobs of before are due: the next claim looks for them from the first on. */
  rewindLater(): void {
    this.#laterSince = 0
    this.#laterAt = Number.NEGATIVE_INFINITY
    this.#version++
  }

  /** No look along the line has said lately what is in it. */
  isUnknown(now: number): boolean {
    return now - this.#lookedAt > lookAgeMsMax
  }

  isLookDue(now: number): boolean {
    if (now - this.#lookedAt < lookIntervalMs) return false
    this.#lookedAt = now
    return true
  }

  free(key: string): void {
    if (this.#freed.size < freedKeysMax) this.#freed.add(key)
  }

  takeFreed(max: number): string[] {
    const keys = [...this.#freed].slice(0, max)
    for (const key of keys) this.#freed.delete(key)
    return keys
  }
}
