// START_REPLICATION: the write-ahead log of a running server, from a position on, as a stream of bytes.
//
// Source: PostgreSQL manual, 54.4 Streaming Replication Protocol. From the server, in CopyData: w = data (where it begins,
// where the server is, its time, the bytes), k = keepalive (where the server is, its time, whether it wants an answer).
// To the server: r = our status (written, flushed, applied, our time, whether we want an answer). All numbers are
// big-endian, times are microseconds since 2000-01-01. At the end of a timeline that was left, the server ends the copy
// and answers with one row: the next timeline, and where it begins.
//
// The server cuts off who is silent for wal_sender_timeout, and keeps the log from the flushed position on: the status is
// sent on a timer of its own, so that a slow disk or store of the reader is not taken for a dead one.

import { type Client, type Connection, escapeIdentifier, type Submittable } from 'pg'
import { TenfoldError } from '../../base/errors.ts'
import { formatLsn, parseLsn } from './lsn.ts'
import type { WalPosition } from './wal-segment.ts'

/** Above this the socket waits for the reader. */
const queuedBytesMax = 1024 * 1024
const statusEveryMs = 1000
/** The server answers each status, so that silence for so long means that it is gone or hangs. */
const silenceMaxMs = 10_000
/** A server that is stopping waits until we have confirmed everything; no store is worth more of its time. */
const urgentMaxMs = 2000
const postgresEpochMs = Date.UTC(2000, 0, 1)

export type WalPart =
  | { kind: 'data'; lsn: bigint; bytes: Buffer }
  /** The server waits for all that it sent to be confirmed, most often because it is stopping. */
  | { kind: 'urgent' }
  /** Nothing came for the time that `next` was to wait at most. */
  | { kind: 'nothing' }
  /** The timeline ends here; undefined when the server ended the stream for another reason, such as its own stop. */
  | { kind: 'end'; next: WalPosition | undefined }

/** Of the client's connection, what its types leave out (pg/lib/connection.js). */
type CopyConnection = Connection & { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }

export interface WalStreamOptions {
  slot: string
  from: WalPosition
}

export class WalStream implements Submittable {
  readonly #client: Client
  readonly #options: WalStreamOptions
  #connection: CopyConnection | undefined
  #parts: Array<Extract<WalPart, { kind: 'data' }>> = []
  #queuedBytes = 0
  #durable: bigint
  #received: bigint
  #urgentSinceMs: number | undefined
  #next: WalPosition | undefined
  #isDone = false
  #error: unknown
  #heardAtMs = performance.now()
  #wake: () => void = () => {}
  #statusTimer: NodeJS.Timeout | undefined

  constructor(client: Client, options: WalStreamOptions) {
    this.#client = client
    this.#options = options
    this.#durable = options.from.lsn
    this.#received = options.from.lsn
  }

  /** Begins. Afterwards the client is of no other use; destroy it to end the stream. */
  start(): this {
    this.#client.query(this)
    this.#client.once('end', () => this.#fail(new TenfoldError('unavailable', 'the server ended the connection')))
    this.#client.once('error', (error) => this.#fail(error))
    this.#statusTimer = setInterval(() => this.#sendStatus(), statusEveryMs)
    this.#statusTimer.unref()
    return this
  }

  /** Ends the timer; the client is the caller's. May be called twice. */
  stop(): void {
    clearInterval(this.#statusTimer)
  }

  /** Everything below is safe: the server may delete it. Told with the next status. */
  confirm(lsn: bigint): void {
    if (lsn <= this.#durable) return
    this.#durable = lsn
    if (this.#urgentSinceMs !== undefined) this.#sendStatus()
    if (lsn >= this.#received) this.#urgentSinceMs = undefined
  }

  /** @throws the server's error, among them 58P01 when it has deleted the log already; timeout when it is silent. */
  async next(waitMs: number): Promise<WalPart> {
    if (this.#parts.length === 0 && !this.#isDone && this.#error === undefined) await this.#waitForMore(waitMs)
    const part = this.#parts.shift()
    if (part) {
      this.#queuedBytes -= part.bytes.length
      if (this.#queuedBytes <= queuedBytesMax / 2) this.#resume()
      return part
    }
    if (this.#error !== undefined) throw this.#error
    if (this.#isUrgent()) return { kind: 'urgent' }
    if (this.#isDone) return { kind: 'end', next: this.#next }
    if (performance.now() - this.#heardAtMs > silenceMaxMs)
      throw new TenfoldError('timeout', `the server sent nothing of its log for ${silenceMaxMs} ms`)
    return { kind: 'nothing' }
  }

  submit(client: Connection): void {
    const connection = client as CopyConnection
    this.#connection = connection
    const { slot, from } = this.#options
    connection.on('copyDone', () => connection.endCopyFrom())
    connection.query(
      `START_REPLICATION SLOT ${escapeIdentifier(slot)} PHYSICAL ${formatLsn(from.lsn)} TIMELINE ${from.timeline}`,
    )
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    this.#heardAtMs = performance.now()
    const letter = String.fromCharCode(chunk[0] ?? 0)
    if (letter === 'w') {
      // The client reuses its buffer for the next packet, so that a piece that is kept must be a copy.
      const bytes = Buffer.from(chunk.subarray(25))
      const lsn = chunk.readBigUInt64BE(1)
      this.#parts.push({ kind: 'data', lsn, bytes })
      this.#received = lsn + BigInt(bytes.length)
      this.#queuedBytes += bytes.length
      if (this.#queuedBytes > queuedBytesMax) this.#connection?.stream.pause()
      this.#wake()
    } else if (letter === 'k' && chunk[17] === 1) {
      // With a status every second the server has no other reason to ask.
      this.#urgentSinceMs ??= performance.now()
      this.#sendStatus()
      this.#wake()
    }
  }

  /** After the end of a timeline: the next one and its beginning. */
  handleDataRow({ fields }: { fields: Array<string | Buffer | null> }): void {
    const [timeline, lsn] = fields.map(String)
    if (timeline !== undefined && lsn !== undefined) this.#next = { timeline: Number(timeline), lsn: parseLsn(lsn) }
  }

  handleReadyForQuery(): void {
    this.#isDone = true
    this.stop()
    this.#wake()
  }

  handleError(error: unknown): void {
    this.#fail(error)
  }

  handleRowDescription(): void {}
  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}

  #isUrgent(): boolean {
    return this.#urgentSinceMs !== undefined && this.#durable < this.#received
  }

  #sendStatus(): void {
    const stream = this.#connection?.stream
    if (!stream || stream.destroyed || this.#isDone) return
    if (this.#isUrgent() && performance.now() - (this.#urgentSinceMs ?? 0) > urgentMaxMs) {
      this.#fail(new TenfoldError('unavailable', 'the server is stopping and was not kept waiting'))
      stream.destroy()
      return
    }
    const status = Buffer.alloc(34)
    status.write('r', 0, 'latin1')
    // Nothing counts as written before it is safe: nobody must wait for us, or trust in what we may still lose.
    for (const at of [1, 9, 17]) status.writeBigUInt64BE(this.#durable, at)
    status.writeBigInt64BE(BigInt(Date.now() - postgresEpochMs) * 1000n, 25)
    status.writeUInt8(1, 33)
    this.#connection?.sendCopyFromChunk(status)
  }

  #resume(): void {
    if (!this.#connection?.stream.isPaused()) return
    this.#heardAtMs = performance.now() // until now it was us who did not listen
    this.#connection.stream.resume()
  }

  #fail(error: unknown): void {
    this.#error ??= error
    this.stop()
    this.#wake()
  }

  async #waitForMore(waitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = setTimeout(resolve, waitMs)
    })
    clearTimeout(timer)
  }
}
