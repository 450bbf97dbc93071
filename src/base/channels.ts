// What tiers tell the world, by node:diagnostics_channel: a tier publishes, telemetry listens, neither knows the other.
// Publishing without a listener costs one property read.

import { channel } from 'node:diagnostics_channel'

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
  'tenfold:job': { queue: string; outcome: 'done' | 'retry' | 'dead'; durationMs: number; attempt: number }
  'tenfold:cache': { name: string; outcome: 'hit' | 'miss' | 'stale' }
  'tenfold:kpi': { name: string; value: number; subject?: string }
  'tenfold:upstream': { node: string; event: 'up' | 'down' | 'ejected' | 'retried'; reason?: string }
}

export interface TypedChannel<Message> {
  readonly hasSubscribers: boolean
  publish(message: Message): void
  subscribe(listener: (message: Message) => void): () => void
}

export function openChannel<Name extends keyof ChannelMessages>(name: Name): TypedChannel<ChannelMessages[Name]> {
  const inner = channel(name)
  return {
    get hasSubscribers() {
      return inner.hasSubscribers
    },
    publish: (message) => inner.publish(message),
    subscribe(listener) {
      const onMessage = (message: unknown) => listener(message as ChannelMessages[Name])
      inner.subscribe(onMessage)
      return () => inner.unsubscribe(onMessage)
    },
  }
}
