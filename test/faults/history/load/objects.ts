// The names of what is written and read. Banks and lists are shared by all sessions; when one has taken its share of writes
// the next one takes its place, so that no answer and no check grows with the length of the run.

import type { Random } from '../../../../src/base/random.ts'

const sharedOfEachKind = 3
const writesPerObjectMax = 150

interface Shared {
  key: string
  writes: number
}

export class SharedObjects {
  readonly #run: string
  readonly #random: Random
  readonly #current = new Map<string, Shared>()
  readonly #all = new Map<string, 'bank' | 'list'>()

  /** `run` keeps the objects of one run apart from those of every other one on the same data. */
  constructor(run: string, random: Random) {
    this.#run = run
    this.#random = random
  }

  /** A bank or list to read. */
  pick(kind: 'bank' | 'list'): string {
    return this.#currentOf(kind, this.#random.int(sharedOfEachKind)).key
  }

  pickToWrite(kind: 'bank' | 'list'): string {
    const place = this.#random.int(sharedOfEachKind)
    const shared = this.#currentOf(kind, place)
    if (++shared.writes >= writesPerObjectMax) this.#current.delete(`${kind} ${place}`)
    return shared.key
  }

  /** All that were ever named, with their kinds. */
  get all(): ReadonlyMap<string, 'bank' | 'list'> {
    return this.#all
  }

  #currentOf(kind: 'bank' | 'list', place: number): Shared {
    const known = this.#current.get(`${kind} ${place}`)
    if (known) return known
    const made = { key: `${this.#run}.${kind}${this.#all.size}`, writes: 0 }
    this.#current.set(`${kind} ${place}`, made)
    this.#all.set(made.key, kind)
    return made
  }
}
