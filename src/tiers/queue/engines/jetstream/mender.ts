// Jobs that a consumer forgot, found and published anew.
//
// A cluster of 2.9 can come out of a change of leaders with a consumer that has gone past messages without remembering that it
// handed them out (the kind of nats-server#6469): they lie in the stream, are nobody's, and would never be handed out. Such a
// message stands before the place that its consumer has reached while that has nothing handed out at all. It may also be one
// that was acknowledged this moment; so it has to be found twice, with some time in between.

import type { BaseLogger } from 'pino'
import type { NewJob } from '../../contract.ts'
import { nameAnew } from './job-id.ts'
import type { Found, Lookup } from './lookup.ts'
import type { Past } from './message.ts'
import type { Lane } from './names.ts'
import type { Notes } from './notes.ts'

const sureMs = 5000
const foundMax = 1000

export interface LaneState {
  lane: Lane
  /** Handed out, and no word yet. */
  leased: number
  waiting: number
  /** The newest message that was handed out. */
  reached: number
  /** In the stream. */
  messages: number
}

export interface MenderOptions {
  /** Monotonic, in ms. */
  now?(): number
  lookup: Lookup
  notes: Notes
  log: Pick<BaseLogger, 'warn'>
  /** @throws unavailable */
  laneStates(): Promise<LaneState[]>
  /** Resolves when it is durable at the end of its lane, under this name. */
  publish(job: NewJob, name: string, past: Past): Promise<unknown>
}

export class Mender {
  readonly #options: MenderOptions
  /** Number in the stream to when it was first found. */
  #suspects = new Map<number, number>()

  constructor(options: MenderOptions) {
    this.#options = options
  }

  /** Answers how many were published anew. @throws unavailable */
  async look(): Promise<number> {
    const { lookup, laneStates } = this.#options
    const suspects = new Map<number, number>()
    const now = this.#options.now?.() ?? performance.now()
    let mended = 0
    for (const { lane, leased, waiting, reached, messages } of await laneStates()) {
      if (leased > 0 || messages <= waiting) continue
      let from = 1
      for (let i = 0; i < foundMax; i++) {
        const found = await lookup.next(lane, from)
        if (!found || found.sequence > reached) break
        from = found.sequence + 1
        const since = this.#suspects.get(found.sequence) ?? now
        if (now - since < sureMs) suspects.set(found.sequence, since)
        else {
          await this.#publishAnew(found)
          await lookup.delete(found)
          mended++
        }
      }
    }
    this.#suspects = suspects
    return mended
  }
  /** Whoever else does it at the same time uses the same name, which the server takes once. */
  async #publishAnew({ lane: { queue }, id, sequence, written }: Found): Promise<void> {
    const { notes, log, publish } = this.#options
    const { payload, priority, trace, publishedAt, uniqueAt, attempts } = written
    const note = (await notes.read([id]))?.get(id)
    const past = { id, publishedAt, uniqueAt, attempts: attempts + (note ? note.deliveries - note.refunds : 0) }
    log.warn({ queue, job: id }, 'a job that its consumer had forgotten is published anew')
    await publish({ queue, body: JSON.stringify(payload), options: { priority }, trace }, nameAnew(id, sequence), past)
    await notes.drop([id])
  }
}
