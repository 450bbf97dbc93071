// Finds a job in the stream by its id, which says where it lies (job-id.ts).

import type { StoredMsg } from '@nats-io/jetstream'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import type { JobState } from '../../contract.ts'
import { jobIdOf, sequenceOf } from './job-id.ts'
import type { NatsLink } from './link.ts'
import { readMessage, type Written } from './message.ts'
import { consumerOf, type Lane, type Names } from './names.ts'
import type { KeptNote } from './notes.ts'

export interface Found {
  lane: Lane
  id: string
  sequence: number
  written: Written
}

export class Lookup {
  readonly #link: NatsLink
  readonly #names: Names

  constructor(link: NatsLink, names: Names) {
    this.#link = link
    this.#names = names
  }

  /** 'anywhere': the id does not say. @throws unavailable */
  async find(queue: string, id: string): Promise<Found | 'anywhere' | undefined> {
    const sequence = sequenceOf(id)
    if (typeof sequence !== 'number') return sequence
    const found = await this.#get({ seq: sequence })
    return found && found.lane.queue === queue && found.id === id ? found : undefined
  }

  /** The first message of a lane from a number on. @throws unavailable */
  next(lane: Lane, from: number): Promise<Found | undefined> {
    return this.#get({ seq: from, next_by_subj: this.#names.subjectOf(lane) })
  }

  /** The number of the newest message of a lane that some worker has, or had; those before it as well. @throws unavailable */
  async handedOutUpTo(lane: Lane): Promise<number> {
    const { delivered } = await this.#ask(() => this.#link.manager.consumers.info(this.#names.stream, consumerOf(lane)))
    return delivered.stream_seq
  }

  /** False when it was gone already. @throws unavailable */
  async delete({ sequence }: Pick<Found, 'sequence'>): Promise<boolean> {
    return await this.#ask(async () => {
      try {
        return await this.#link.manager.streams.deleteMessage(this.#names.stream, sequence, false)
      } catch (error) {
        if (this.#link.isNotThere(error)) return false
        throw error
      }
    })
  }

  state({ lane, id, written }: Found, note: KeptNote | undefined, wasHandedOut: boolean): JobState {
    const { payload, priority, trace, publishedAt, attempts } = written
    const isDelayed = note !== undefined && note.runAt.getTime() > Date.now()
    // The server does not say how often it handed out a given message; the note does, of the time before.
    const handedOut = note === undefined ? (wasHandedOut ? 1 : 0) : note.deliveries - note.refunds + (isDelayed ? 0 : 1)
    return {
      ...{ id, queue: lane.queue, payload, priority, trace, publishedAt },
      key: undefined,
      state: isDelayed ? 'delayed' : wasHandedOut ? 'leased' : 'waiting',
      attempt: attempts + handedOut,
      until: isDelayed ? note.runAt : undefined,
      holder: undefined,
      failures: note?.failures ?? [],
    }
  }

  async #get(query: { seq: number; next_by_subj?: string }): Promise<Found | undefined> {
    const message = await this.#ask(async () => {
      try {
        return await this.#link.manager.streams.getMessage(this.#names.stream, query)
      } catch (error) {
        if (this.#link.isNotThere(error)) return null
        throw error
      }
    })
    return message ? this.#read(message) : undefined
  }

  #read(message: StoredMsg): Found | undefined {
    const lane = this.#names.laneOfSubject(message.subject)
    const written = readMessage({ headers: message.header, data: message.data })
    if (!lane || !written) return undefined
    const sequence = message.seq
    return { lane, sequence, written, id: jobIdOf(written.name, sequence) }
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof TenfoldError) throw error
      throw new TenfoldError('unavailable', `NATS could not be asked for a job: ${describeError(error)}`, {
        cause: error,
      })
    }
  }
}
