// Where the answers of all connections of the process are put together before they are written: head and small body leave
// in one write, and no answer needs a buffer of its own.
//
// The rule that makes sharing safe: a connection claims it, fills it and flushes it before it gives control away; whoever
// claims it while another has unsent bytes in it sends those first.

import type { Socket } from 'node:net'
import { ByteWriter } from './byte-writer.ts'

const bytesAtFirst = 80 * 1024

interface OutOwner {
  flush(): void
}

let out = new ByteWriter(bytesAtFirst)
let owner: OutOwner | undefined

/** The writer, empty or with what this owner has put there. */
export function claimOut(by: OutOwner): ByteWriter {
  if (owner !== by) {
    if (out.size > 0) owner?.flush()
    out.size = 0 // an owner whose connection is closed has nobody to send it to
    owner = by
  }
  return out
}

/** Writes what this owner has put there. False when the socket holds more than it should. */
export function flushOut(by: OutOwner, socket: Socket): boolean {
  if (owner !== by || out.size === 0) return true
  owner = undefined
  const view = out.view()
  if (socket.writableLength > 0 || 'encrypted' in socket) {
    // The socket is slow, or TLS, which gives no buffer back at once: it gets a copy of the right size, and keeps that for
    // a while.
    out.size = 0
    return socket.write(Buffer.from(view))
  }
  const isFree = socket.write(view)
  out.size = 0
  // What the kernel did not take at once is still read from that buffer.
  if (socket.writableLength > 0) out = new ByteWriter(bytesAtFirst)
  return isFree
}

/** What this owner has put there, in a buffer of its own. */
export function takeOut(by: OutOwner): Buffer {
  const taken = Buffer.from(claimOut(by).view())
  out.size = 0
  return taken
}
