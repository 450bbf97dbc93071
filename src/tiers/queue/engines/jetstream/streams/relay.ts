// Carries entries from PostgreSQL, where they are appended, to JetStream, from where they are read.
//
// The relay of a stream is a group of it like any other: one process at a time per lane, in order, its place kept, the next
// one goes on where it ended. What it sends twice the server drops by its id, or the readers by its position.

import { isDeepStrictEqual } from 'node:util'
import type { JetStreamClient } from '@nats-io/jetstream'
import type { BaseLogger } from 'pino'
import { systemClock } from '../../../../../base/clock.ts'
import { systemRandom } from '../../../../../base/random.ts'
import type { Entry, EntryHandler, StreamEngine } from '../../../streams/contract.ts'
import { GroupReader } from '../../../streams/group-reader.ts'
import type { JetStreamApi } from './api.ts'
import { copyBytes } from './copy-size.ts'
import { writeMessage } from './message.ts'
import type { StreamNames } from './names.ts'
import { streamLimits } from './options.ts'

export interface RelayOptions extends JetStreamApi {
  names: StreamNames
  /** The log in PostgreSQL. */
  source: StreamEngine
  holder: string
  replicas: number
  keepMsOf(stream: string): Promise<number>
  log: Pick<BaseLogger, 'warn' | 'error'>
}

/** A name that no app may give to a group. */
export const relayGroup = '$relay'

export class Relay {
  readonly #options: RelayOptions
  readonly #readers = new Map<string, GroupReader>()
  /** Streams that are there on the server, by the connection that made sure of it. */
  readonly #made = new Map<string, Promise<void>>()
  /** Bytes that went there since its size was looked at. */
  readonly #carried = new Map<string, number>()
  #watch: { close(): Promise<void> } | undefined

  constructor(options: RelayOptions) {
    this.#options = options
    options.link.listen({ onDown: () => this.#made.clear() })
  }

  start(): void {
    this.#watch ??= this.#options.source.watch((stream) => this.hint(stream))
  }

  async stop(): Promise<void> {
    const watch = this.#watch
    this.#watch = undefined
    const readers = [...this.#readers.values()]
    this.#readers.clear()
    await Promise.all(readers.map((reader) => reader.stop(streamLimits.publishMsMax)))
    await watch?.close()
  }

  /** Takes part in relaying a stream from now on; what was appended before stays where it is. */
  add(stream: string): void {
    if (!this.#watch || this.#readers.has(stream)) return
    const { source, holder, log } = this.#options
    const { leaseMs, relayEntriesMax, relayBackoff } = streamLimits
    const request = { stream, group: relayGroup, holder, leaseMs, from: 'now' } as const
    const handler: EntryHandler = (entries, { lane, after }) => this.#relay(stream, lane, after, entries)
    const terms = { batchMax: relayEntriesMax, backoff: relayBackoff }
    const reader = new GroupReader(source, request, handler, terms, { log, clock: systemClock, random: systemRandom })
    this.#readers.set(stream, reader)
    reader.start()
  }

  hint(stream: string): void {
    this.#readers.get(stream)?.hint()
  }

  /** Sent as one, since the server takes what one connection sends in its order; kept when all have their answer. */
  async #relay(stream: string, lane: string, after: string, entries: readonly Entry[]): Promise<void> {
    const { link, names } = this.#options
    await this.#make(stream)
    const client = this.#jetstream()
    const subject = names.subjectOf(stream, lane)
    let before = after
    let bytes = 0
    const sent = entries.map((entry) => {
      const { headers, body } = writeMessage(link.headers(), { after: before, entry })
      before = entry.position
      bytes += body.length
      return client.publish(subject, body, { headers, msgID: entry.position, timeout: streamLimits.publishMsMax })
    })
    const failed = (await Promise.allSettled(sent)).find((result) => result.status === 'rejected')
    if (!failed) return this.#fit(stream, bytes)
    this.#made.delete(stream)
    throw failed.reason
  }

  #make(stream: string): Promise<void> {
    const made = this.#made.get(stream) ?? this.#makeNow(stream)
    this.#made.set(stream, made)
    made.catch(() => this.#made.delete(stream))
    return made
  }

  async #makeNow(stream: string): Promise<void> {
    const { link, api, names, source, replicas, keepMsOf } = this.#options
    const { streams } = link.manager
    const { RetentionPolicy, StorageType, DiscardPolicy } = api
    const name = names.streamOf(stream)
    const keepMs = await keepMsOf(stream)
    const terms = {
      num_replicas: replicas,
      max_age: keepMs * 1_000_000,
      duplicate_window: Math.min(streamLimits.duplicateMs, keepMs) * 1_000_000,
    }
    const found = await streams.info(name).catch((error: unknown) => {
      if (link.isNotThere(error)) return undefined
      throw error
    })
    this.#carried.delete(stream)
    if (found) {
      const { num_replicas, max_age, duplicate_window } = found.config
      if (!isDeepStrictEqual(terms, { num_replicas, max_age, duplicate_window })) await streams.update(name, terms)
      return
    }
    await streams.add({
      ...terms,
      name,
      subjects: [names.subjectsOf(stream)],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_bytes: streamLimits.bytesMin,
      allow_direct: true,
    })
    // What a new copy begins behind is read where it is; to carry days of it over would keep the newest waiting.
    await source.rewind({ stream, group: relayGroup }, 'now')
  }

  /** Gives the copy the room that it needs, first of all when this process has not looked yet. */
  async #fit(stream: string, bytes: number): Promise<void> {
    const carried = (this.#carried.get(stream) ?? Number.POSITIVE_INFINITY) + bytes
    this.#carried.set(stream, carried < streamLimits.bytesBetweenLooks ? carried : 0)
    if (carried < streamLimits.bytesBetweenLooks) return
    const { streams } = this.#options.link.manager
    const name = this.#options.names.streamOf(stream)
    try {
      const { state, config } = await streams.info(name)
      const max_bytes = copyBytes({ held: state.bytes, now: config.max_bytes })
      if (max_bytes === config.max_bytes) return
      // Refused when there is not so much left; the server tells no app how much there is.
      if (max_bytes > config.max_bytes) await streams.update(name, { max_bytes: max_bytes + streamLimits.bytesSpared })
      await streams.update(name, { max_bytes })
    } catch {
      // The server has no more, or is away: the copy stays as it is, and what it drops is read from PostgreSQL.
    }
  }

  #jetstream(): JetStreamClient {
    const { link, api } = this.#options
    return api.jetstream(link.connection, { timeout: streamLimits.callMsMax })
  }
}
