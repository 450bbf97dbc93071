// A body that is too large for memory, on its way to disk: small pieces are gathered, and what the disk has not taken yet is
// bounded, for each body and for all together.

import type { KeptHead } from '../contract.ts'
import type { ReceivingBudget } from '../receiving.ts'
import type { FileStream } from './file-stream.ts'

const pieceBytes = 64 * 1024
/** Each of so many bodies may be so far behind that all together keep within the budget; one alone this much. */
const sharesOfBudget = 64
const backedUpBytesMax = 1024 * 1024
/** A server that is not held back is this far ahead of the disk at most, or the copy is given up. */
const aheadBytesMax = 8 * 1024 * 1024

/** The disk tier, as a body on its way sees it. */
export interface DiskRoom {
  /** Makes room for so many bytes more. */
  reserve(bytes: number): boolean
  release(bytes: number): void
  onFailed(error: unknown): void
  /** The body is whole, or will not be. */
  onEnd(): void
}

export class DiskBody {
  readonly serial: number
  size = 0
  onDrain: (() => void) | undefined
  readonly #stream: FileStream
  readonly #budget: ReceivingBudget
  readonly #room: DiskRoom
  readonly #bytesMax: number
  #piece: Buffer | undefined
  #inPiece = 0
  /** What it holds of the budget, and of the disk. */
  #held = 0
  #reserved = 0
  #isOver = false
  #pendingBytesMax = aheadBytesMax

  constructor(serial: number, stream: FileStream, budget: ReceivingBudget, room: DiskRoom, bytesMax: number) {
    this.serial = serial
    this.#stream = stream
    this.#budget = budget
    this.#room = room
    this.#bytesMax = bytesMax
    stream.onWritten = (bytes) => this.#onWritten(bytes)
    stream.onFailed = (error) => {
      room.onFailed(error)
      this.abort()
    }
  }

  get isBackedUp(): boolean {
    return this.#stream.pendingBytes > this.#backedUpBytes
  }

  get #backedUpBytes(): number {
    return Math.min(backedUpBytesMax, this.#budget.bytesMax / sharesOfBudget)
  }

  /** False when it will not be kept. */
  add(bytes: Buffer, start: number, end: number): boolean {
    if (this.#isOver || this.size + end - start > this.#bytesMax) return false
    if (this.#stream.pendingBytes + end - start > this.#pendingBytesMax) return false
    for (let at = start; at < end; ) {
      if (!this.#piece && !this.#startPiece()) return false
      const piece = this.#piece as Buffer
      const copied = bytes.copy(piece, this.#inPiece, at, end)
      at += copied
      this.#inPiece += copied
      if (this.#inPiece === pieceBytes) this.#endPiece()
    }
    this.size += end - start
    return true
  }

  /** The beginning, which was gathered in memory and does not change any more. Before the first `add`. */
  begin(bytes: Buffer): boolean {
    if (this.#isOver || !this.#take(bytes.length)) return false
    this.#pendingBytesMax += bytes.length
    this.#stream.add(bytes)
    this.size = bytes.length
    return true
  }

  /** Gives what it held of the room back: the file is counted from now on. */
  finish(head: KeptHead): ReturnType<FileStream['finish']> {
    this.#endPiece()
    const finished = this.#stream.finish(head)
    this.#isOver = true
    this.#room.release(this.#reserved)
    this.#reserved = 0
    const onSettled = () => this.#end()
    finished.landing.then(onSettled, onSettled)
    return finished
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stream.abort()
    this.#room.release(this.#reserved)
    this.#reserved = 0
    this.#end()
    this.onDrain?.()
  }

  #startPiece(): boolean {
    if (!this.#take(pieceBytes)) return false
    this.#piece = Buffer.allocUnsafeSlow(pieceBytes)
    this.#inPiece = 0
    return true
  }

  #take(bytes: number): boolean {
    if (!this.#budget.take(bytes)) return false
    this.#held += bytes
    if (!this.#room.reserve(bytes)) return false
    this.#reserved += bytes
    return true
  }

  #endPiece(): void {
    if (this.#piece) this.#stream.add(this.#piece.subarray(0, this.#inPiece))
    this.#piece = undefined
  }

  #onWritten(bytes: number): void {
    const given = Math.min(bytes, this.#held)
    this.#held -= given
    this.#budget.give(given)
    // Half of it, so that a server is not stopped and started for each piece.
    const drainedBytes = this.#backedUpBytes / 2
    const { pendingBytes } = this.#stream
    if (!this.#isOver && pendingBytes <= drainedBytes && pendingBytes + bytes > drainedBytes) this.onDrain?.()
  }

  #end(): void {
    this.#piece = undefined
    this.#budget.give(this.#held)
    this.#held = 0
    this.#room.onEnd()
  }
}
