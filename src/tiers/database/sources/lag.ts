// How far a replica is behind, in time: from the moments at which the primary was seen at its positions.
//
// A replica that has passed the newest position lags by nothing, however long ago that was: an idle primary leaves
// nobody behind. Else it misses something that was written after the newest moment whose position it has passed, and
// its lag is counted from there. It is counted up to the last look at the primary: a primary that cannot be asked makes
// nobody older.
//
// Worked example: seen at 100 at 1.0 s, at 200 at 1.5 s, again at 200 at 2.0 s, at 300 at 2.5 s. A replica at 250 has
// passed 200, where the primary still was at 2.0 s: its lag is 0.5 s.

interface Sighting {
  lsn: bigint
  /** The last time that the primary was seen there. */
  atMs: number
}

/** Sightings over one bound of lag; more precise is of no use. */
const sightingsPerBound = 64
const sightingsMax = 2 * sightingsPerBound

export class PrimaryHistory {
  readonly #intervalMs: number
  /** Ascending in position and time. */
  #sightings: Sighting[] = []

  constructor(lagMsMax: number) {
    this.#intervalMs = lagMsMax / sightingsPerBound
  }

  /** The newest position; undefined before the first. */
  get newest(): bigint | undefined {
    return this.#sightings.at(-1)?.lsn
  }

  note(lsn: bigint, atMs: number): void {
    const last = this.#sightings.at(-1)
    if (last && lsn < last.lsn) return
    if (last && lsn === last.lsn) {
      last.atMs = atMs
      return
    }
    // A sighting that is replaced was close to the one before it: the lag comes out larger by that interval, never smaller.
    const before = this.#sightings.at(-2)
    if (last && before && atMs - before.atMs < this.#intervalMs) {
      last.lsn = lsn
      last.atMs = atMs
      return
    }
    this.#sightings.push({ lsn, atMs })
    if (this.#sightings.length > sightingsMax) this.#sightings.shift()
  }

  /** Infinity when it is behind everything that is remembered. */
  lagMsOf(lsn: bigint): number {
    const newest = this.#sightings.at(-1)
    if (!newest) return Number.POSITIVE_INFINITY
    if (lsn >= newest.lsn) return 0
    for (let i = this.#sightings.length - 2; i >= 0; i--) {
      const { lsn: passed, atMs } = this.#sightings[i] as Sighting
      if (passed <= lsn) return newest.atMs - atMs
    }
    return Number.POSITIVE_INFINITY
  }

  lagBytesOf(lsn: bigint): number {
    const newest = this.newest
    if (newest === undefined) return Number.POSITIVE_INFINITY
    return lsn >= newest ? 0 : Number(newest - lsn)
  }
}
