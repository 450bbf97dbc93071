// What tiers tell the world, by node:diagnostics_channel: a tier publishes, telemetry listens, neither knows the other.
// Publishing without a listener costs one property read.

import { type Channel, channel } from 'node:diagnostics_channel'

export interface ChannelMessages {
  'tenfold:request': {
    node: string
    method: string
    route: string
    status: number
    durationMs: number
    requestId: string
  }
  'tenfold:query': { node: string; durationMs: number; error?: string }
  'tenfold:hold': { heldMs: number; waiting: number }
  'tenfold:job': JobMessage
  /** A call of a stream's handler. */
  'tenfold:stream': { stream: string; group: string; outcome: 'done' | 'failed'; entries: number; durationMs: number }
  'tenfold:cache': { name: string; outcome: 'hit' | 'miss' | 'stale' }
  'tenfold:kpi': { name: string; value: number; subject?: string }
  'tenfold:upstream': { node: string; event: 'up' | 'down' | 'ejected' | 'retried'; reason?: string }
}

/**
 * What happened to a job. failed: a run of it, before `retried` or `dead`. lost: its lease ended, somebody else may have it.
 * A job published in a transaction is told of before the commit, and may not come to be.
 */
export interface JobMessage {
  event: 'published' | 'taken' | 'done' | 'failed' | 'retried' | 'dead' | 'handed-back' | 'lost' | 'canceled'
  queue: string
  id: string
  /** 0 when it is published. */
  attempt: number
  trace?: string | undefined
  /** Of the run: done, failed. */
  durationMs?: number
  reason?: string
  /** Until the next attempt. */
  delayMs?: number
}

export interface TypedChannel<Message> {
  readonly hasSubscribers: boolean
  publish(message: Message): void
  subscribe(listener: (message: Message) => void): () => void
}

export function openChannel<Name extends keyof ChannelMessages>(name: Name): TypedChannel<ChannelMessages[Name]> {
  return new NodeChannel<ChannelMessages[Name]>(channel(name))
}

/** A class, since V8 keeps an object literal with a getter as a dictionary, and never inlines a read of it. */
class NodeChannel<Message> implements TypedChannel<Message> {
  readonly #inner: Channel

  constructor(inner: Channel) {
    this.#inner = inner
  }

  get hasSubscribers(): boolean {
    return this.#inner.hasSubscribers
  }

  publish(message: Message): void {
    this.#inner.publish(message)
  }

  subscribe(listener: (message: Message) => void): () => void {
    const onMessage = (message: unknown) => listener(message as Message)
    this.#inner.subscribe(onMessage)
    return () => this.#inner.unsubscribe(onMessage)
  }
}
