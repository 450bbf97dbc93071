// Carries entries from PostgreSQL, where they are appended, to JetStream, from where they are read.
//
// The relay of a stream is a group of it like any other: one process at a time per lane, in order, its place kept, the next
// one goes on where it ended. What it sends twice the server drops by its id, or the readers by its position.

import type { JetStreamClient } from '@nats-io/jetstream'
import type { BaseLogger } from 'pino'
import { systemClock } from '../../../../../base/clock.ts'
import { systemRandom } from '../../../../../base/random.ts'
import type { Entry, EntryHandler, StreamEngine } from '../../../streams/contract.ts'
import { GroupReader } from '../../../streams/group-reader.ts'
import type { JetStreamApi } from './api.ts'
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
    const sent = entries.map((entry) => {
      const { headers, body } = writeMessage(link.headers(), { after: before, entry })
      before = entry.position
      return client.publish(subject, body, { headers, msgID: entry.position, timeout: streamLimits.publishMsMax })
    })
    const failed = (await Promise.allSettled(sent)).find((result) => result.status === 'rejected')
    if (!failed) return
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
    const keepMs = await keepMsOf(stream)
    const config = {
      name: names.streamOf(stream),
      subjects: [names.subjectsOf(stream)],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      num_replicas: replicas,
      max_age: keepMs * 1_000_000,
      max_bytes: streamLimits.bytesMax,
      duplicate_window: Math.min(streamLimits.duplicateMs, keepMs) * 1_000_000,
      allow_direct: true,
    }
    const isNew = await streams.info(config.name).then(
      () => false,
      () => true,
    )
    try {
      await streams.add(config)
    } catch (error) {
      // It is there, with another retention than is wanted now; or it cannot be.
      await streams.update(config.name, config).catch(() => Promise.reject(error))
    }
    // What a new copy begins behind is read where it is; to carry days of it over would keep the newest waiting.
    if (isNew) await source.rewind({ stream, group: relayGroup }, 'now')
  }

  #jetstream(): JetStreamClient {
    const { link, api } = this.#options
    return api.jetstream(link.connection, { timeout: streamLimits.callMsMax })
  }
}
