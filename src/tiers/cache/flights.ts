// Single flight: one load under way for each key of a process, and who may remember what it brings.
//
// Whoever asks for the key meanwhile gets the same flight. A set or a delete of the key takes the flight off the board:
// those who wait for it still get its value, but it is not remembered, since it may have read what was there before. So
// does word of a change by another process: whoever asks after it must not be given what was read before it.

import type { Clock } from '../../base/clock.ts'
import type { Failures } from './failures.ts'

/** A load that has not ended after that is waited for by those who are, and nobody more: the next caller loads anew. */
const flightMsMax = 60_000

interface Flight {
  promise: Promise<unknown>
  readonly tags: readonly string[]
  readonly startedAtMs: number
}

export interface Landing {
  value: unknown
  loadMs: number
}

export class Flights {
  readonly #board = new Map<string, Flight>()
  readonly #clock: Clock
  readonly #failures: Failures

  constructor(clock: Clock, failures: Failures) {
    this.#clock = clock
    this.#failures = failures
  }

  /** If it is younger than that. */
  underWay(key: string, ageMsMax = flightMsMax): Promise<unknown> | undefined {
    const flight = this.#board.get(key)
    if (!flight) return undefined
    const ageMs = this.#clock.monotonic() - flight.startedAtMs
    return ageMs < Math.min(ageMsMax, flightMsMax) ? flight.promise : undefined
  }

  /** `remember` is called when nothing changed the key meanwhile; the flight lands when it is done. */
  start(
    key: string,
    tags: readonly string[],
    load: () => Promise<unknown>,
    remember: (landing: Landing) => Promise<void> | void,
  ): Promise<unknown> {
    const startedAtMs = this.#clock.monotonic()
    const flight: Flight = { promise: Promise.resolve(), tags, startedAtMs }
    // The load starts one turn later, so that the flight is on the board before it can set or delete its own key.
    flight.promise = flight.promise
      .then(load)
      .then(async (value) => {
        const loadMs = this.#clock.monotonic() - startedAtMs
        this.#failures.clear(key)
        if (this.#board.get(key) === flight) await remember({ value, loadMs })
        return value
      })
      .catch((error: unknown) => {
        if (this.#board.get(key) === flight) this.#failures.add(key, error)
        throw error
      })
      .finally(() => {
        if (this.#board.get(key) === flight) this.#board.delete(key)
      })
    this.#board.set(key, flight)
    // A renewal in the background has nobody who waits for its error.
    flight.promise.catch(() => {})
    return flight.promise
  }

  changed(key: string): void {
    this.#failures.clear(key)
    if (this.#board.size > 0) this.#board.delete(key)
  }

  changedTag(tag: string): void {
    for (const [key, { tags }] of this.#board) if (tags.includes(tag)) this.changed(key)
  }

  /** Word may have been lost: who asks from now on waits for no load that began before. */
  changedPerhapsAny(): void {
    this.#board.clear()
  }

  changedPrefix(prefix: string): void {
    for (const key of this.#board.keys()) if (key.startsWith(prefix)) this.changed(key)
  }
}
