// Who is there: sessions that are free, those that come and go. Some only read, as most visitors of a site do: they keep
// reading when everybody who writes waits for a primary.

import type { Random } from '../../../../src/base/random.ts'
import type { Operation } from '../operation.ts'
import { Session } from './session.ts'

/** Every fourth session only reads. */
const readersOneIn = 4

export interface CrowdLimits {
  /** Sessions that join before anybody comes a second time: of many, each has its last write some time behind it. */
  sessionsMin: number
  /** Sessions at once, and so operations under way; what is due beyond that counts as failed without being sent. */
  sessionsMax: number
  /** After so many operations a session leaves, so that its set stays short. */
  sessionOperationsMax: number
}

export class Crowd {
  readonly #run: string
  readonly #random: Random
  readonly #limits: CrowdLimits
  readonly #idle = { writers: [] as Session[], readers: [] as Session[] }
  #present = 0
  #joined = 0

  /** `run` keeps its users apart from those of every other run on the same data. */
  constructor(run: string, random: Random, limits: CrowdLimits) {
    this.#run = run
    this.#random = random
    this.#limits = limits
  }

  /** A free session that does such things; none while the crowd is still coming together. */
  take(access: Operation['access']): Session | undefined {
    if (this.#present < this.#limits.sessionsMin) return undefined
    const { writers, readers } = this.#idle
    const place = this.#random.int(access === 'read' ? writers.length + readers.length : writers.length)
    const [from, index] = place < writers.length ? [writers, place] : [readers, place - writers.length]
    return from.splice(index, 1)[0]
  }

  /** One who is not known yet; undefined when there are as many as may be. */
  newcomer(): Session | undefined {
    if (this.#present >= this.#limits.sessionsMax) return undefined
    this.#present++
    const number = ++this.#joined
    return new Session(number, `${this.#run}.u${number}`)
  }

  /** After an operation; the session goes when it has done its share, was never let in, or is not known any more. */
  release(session: Session, { object, outcome, failure }: Operation): void {
    const isStranger = (object === 'session' && outcome !== 'ok') || failure === 'unauthorized'
    if (isStranger || ++session.operations >= this.#limits.sessionOperationsMax) this.#present--
    else (session.number % readersOneIn === 0 ? this.#idle.readers : this.#idle.writers).push(session)
  }
}
