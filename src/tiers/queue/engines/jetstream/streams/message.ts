// An entry as a message. `after` is the place before it: between the two there is nothing, which whoever reads can see for
// himself, and so never has to trust that the server has kept everything.

import type { MsgHdrs } from '@nats-io/transport-node'
import type { Entry, EntryPayload } from '../../../streams/contract.ts'

const header = {
  position: 'Tenfold-Position',
  after: 'Tenfold-After',
  at: 'Tenfold-At',
  key: 'Tenfold-Key',
  trace: 'Traceparent',
} as const

export interface ChainedEntry {
  after: string
  entry: Entry
}

export function writeMessage(headers: MsgHdrs, { after, entry }: ChainedEntry): { headers: MsgHdrs; body: string } {
  headers.set(header.position, entry.position)
  headers.set(header.after, after)
  headers.set(header.at, entry.at.toISOString())
  // Headers are ASCII.
  if (entry.key !== undefined) headers.set(header.key, encodeURIComponent(entry.key))
  if (entry.trace !== undefined) headers.set(header.trace, entry.trace)
  return { headers, body: JSON.stringify(entry.payload) }
}

/** Undefined for what is none of ours. */
export function readMessage(message: { headers?: MsgHdrs | undefined; string(): string }): ChainedEntry | undefined {
  const { headers } = message
  const position = positionOf(headers)
  if (!headers || position === undefined) return undefined
  const key = headers.get(header.key)
  return {
    after: headers.get(header.after),
    entry: {
      position,
      at: new Date(headers.get(header.at)),
      key: headers.has(header.key) ? decodeURIComponent(key) : undefined,
      payload: JSON.parse(message.string()) as EntryPayload,
      trace: headers.get(header.trace) || undefined,
    },
  }
}

export function positionOf(headers: MsgHdrs | undefined): string | undefined {
  return headers?.get(header.position) || undefined
}
