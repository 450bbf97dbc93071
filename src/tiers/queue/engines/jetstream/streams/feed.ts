// Follows one lane on the server: what comes, waits here in its order until somebody asks for what is behind his place.
//
// following -> broken -> following ... -> closed. A feed may be late, doubled or full of holes and does no harm: `next` gives
// only what follows its place without a gap.

import type { ConsumerMessages } from '@nats-io/jetstream'
import { systemClock } from '../../../../../base/clock.ts'
import type { Entry } from '../../../streams/contract.ts'
import type { JetStreamApi } from './api.ts'
import { type ChainedEntry, readMessage } from './message.ts'
import { streamLimits } from './options.ts'
import { sequenceBehind } from './seek.ts'

export interface FeedPlace {
  stream: string
  subject: string
  /** Where to begin. */
  position: string
}

export class Feed {
  readAt = systemClock.monotonic()
  readonly #jetstream: JetStreamApi
  readonly #place: FeedPlace
  readonly #onArrival: () => void
  readonly #closing = new AbortController()
  #waiting: ChainedEntry[] = []
  readonly #unlisten: () => void
  #messages: ConsumerMessages | undefined
  #room = Promise.withResolvers<void>()

  constructor(jetstream: JetStreamApi, place: FeedPlace, onArrival: () => void) {
    this.#jetstream = jetstream
    this.#place = place
    this.#onArrival = onArrival
    // The client would wait for heartbeats to be missing, for a consumer that is gone with its server.
    this.#unlisten = jetstream.link.listen({ onDown: () => this.#break() })
    void this.#follow()
  }

  /** What follows `position`: nothing has come, it has, or what came is from further on. */
  state(position: string): 'empty' | 'ready' | 'gap' {
    this.readAt = systemClock.monotonic()
    this.#place.position = position
    const behind = this.#waiting.findIndex(({ entry }) => entry.position > position)
    this.#drop(behind === -1 ? this.#waiting.length : behind)
    const [first] = this.#waiting
    if (!first) return 'empty'
    return first.after <= position ? 'ready' : 'gap'
  }

  /** Takes up to `max` entries that follow `position` one after the other. */
  next(position: string, max: number): Entry[] {
    const entries: Entry[] = []
    let last = position
    let taken = 0
    for (const { after, entry } of this.#waiting) {
      if (entries.length >= max || after > last) break
      taken++
      if (entry.position <= last) continue
      entries.push(entry)
      last = entry.position
    }
    this.#drop(taken)
    return entries
  }

  close(): void {
    this.#closing.abort()
    this.#unlisten()
    this.#break()
  }

  #break(): void {
    this.#room.resolve()
    void this.#messages?.close().catch(() => {}) // the connection may be gone
    this.#messages = undefined
  }

  #drop(count: number): void {
    if (count === 0) return
    this.#waiting.splice(0, count)
    this.#room.resolve()
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        this.#waiting = []
        await this.#receive()
      } catch {
        // The stream may not be there yet, or the server is not. Meanwhile PostgreSQL is read.
      }
      await systemClock.sleep(streamLimits.againMs, signal)
    }
  }

  async #receive(): Promise<void> {
    const { stream, subject, position } = this.#place
    const { api, link } = this.#jetstream
    const sequence = await sequenceBehind(link.manager, stream, subject, position)
    const consumer = await api.jetstream(link.connection, { timeout: streamLimits.callMsMax }).consumers.get(stream, {
      filter_subjects: subject,
      deliver_policy: api.DeliverPolicy.StartSequence,
      opt_start_seq: sequence,
    })
    const messages = await consumer.consume({
      max_messages: streamLimits.aheadMax / 2,
      expires: streamLimits.pullMs,
      idle_heartbeat: streamLimits.heartbeatMs,
    })
    this.#messages = messages
    if (this.#closing.signal.aborted) return this.#break()
    for await (const message of messages) {
      if (this.#messages !== messages) break
      const entry = readMessage(message)
      if (!entry) continue
      this.#waiting.push(entry)
      this.#onArrival()
      while (this.#waiting.length >= streamLimits.aheadMax && this.#messages === messages) {
        this.#room = Promise.withResolvers<void>()
        await this.#room.promise
      }
    }
  }
}
