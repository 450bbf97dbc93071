// Clients of HTTP/2 for tests: a polite one of node:http2, and one that writes its frames itself.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { connect as connectSocket, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import { address, limitMs } from '../../http1/testing/front.ts'

export interface Answer {
  status: number
  fields: IncomingHttpHeaders
  trailers: IncomingHttpHeaders
  interim: IncomingHttpHeaders[]
  body: Buffer
}

export async function openSession(t: TestContext, port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://${address}:${port}`)
  session.on('error', () => session.destroy())
  t.after(() => session.destroy())
  await once(session, 'connect')
  return session
}

/** Resolves with the whole answer; rejects when the stream is reset. */
export function ask(session: ClientHttp2Session, fields: OutgoingHttpHeaders, body?: Buffer | string): Promise<Answer> {
  const stream = session.request(fields, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return new Promise((resolve, reject) => {
    const answer: Answer = { status: 0, fields: {}, trailers: {}, interim: [], body: Buffer.alloc(0) }
    const pieces: Buffer[] = []
    stream.on('headers', (interim) => void answer.interim.push(interim))
    stream.on('response', (head) => {
      answer.status = Number(head[':status'])
      answer.fields = head
    })
    stream.on('trailers', (trailers) => {
      answer.trailers = trailers
    })
    stream.on('data', (piece: Buffer) => void pieces.push(piece))
    stream.on('error', reject)
    stream.on('close', () => {
      if (stream.rstCode !== 0) reject(new Error(`the stream was reset with ${stream.rstCode}`))
      else resolve({ ...answer, body: Buffer.concat(pieces) })
    })
  })
}

/** Kinds of frames (RFC 9113, 6). */
export const kinds = { data: 0, headers: 1, priority: 2, rst: 3, settings: 4, ping: 6, goaway: 7, continuation: 9 }

export function frame(kind: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = kind
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

export const opening = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(kinds.settings, 0, 0)])

/** HPACK without compression (RFC 7541, 6.2.2): every field as a literal with a new name. */
export function hpack(fields: ReadonlyArray<readonly [string, string]>): Buffer {
  const texts = fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)])
  return Buffer.concat(texts)
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  assert.ok(bytes.length < 127, 'long ones are not needed here')
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}

export const plainRequest = hpack([
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
])

export interface RawSession {
  socket: Socket
  send(...frames: Buffer[]): void
  /** What has come, as kind, flags, stream and payload. */
  frames(): Array<{ kind: number; flags: number; stream: number; payload: Buffer }>
  until(what: string, isThere: (frames: ReturnType<RawSession['frames']>) => boolean): Promise<void>
  isClosed(): boolean
  /** The error code of the GOAWAY with which it ended; -1 without one. */
  closedWith(): Promise<number>
}

export async function openRawSession(t: TestContext, port: number): Promise<RawSession> {
  const socket = connectSocket(port, address)
  let bytes = Buffer.alloc(0)
  let isClosed = false
  socket.on('error', () => socket.destroy())
  socket.on('data', (piece: Buffer) => {
    bytes = Buffer.concat([bytes, piece])
  })
  socket.on('close', () => {
    isClosed = true
  })
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  const frames: RawSession['frames'] = () => {
    const found = []
    for (let at = 0; at + 9 <= bytes.length; ) {
      const end = at + 9 + bytes.readUIntBE(at, 3)
      if (end > bytes.length) break
      const [kind, flags] = [bytes[at + 3] as number, bytes[at + 4] as number]
      found.push({ kind, flags, stream: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, end) })
      at = end
    }
    return found
  }
  const until = (what: string, isMet: () => boolean) => waitUntil(isMet, { what, timeoutMs: limitMs, intervalMs: 2 })
  return {
    socket,
    frames,
    send: (...parts) => void socket.write(Buffer.concat(parts)),
    until: async (what, isThere) => void (await until(what, () => isThere(frames()))),
    isClosed: () => isClosed,
    async closedWith() {
      await until('the end of the connection', () => isClosed)
      const last = frames().findLast(({ kind }) => kind === kinds.goaway)
      return last === undefined ? -1 : last.payload.readUInt32BE(4)
    },
  }
}
