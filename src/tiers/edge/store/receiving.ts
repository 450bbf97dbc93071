// Bodies that are being received: their bytes count before anybody can find them, and all together have a limit.

/** What bodies that are not whole yet take in memory. */
export class ReceivingBudget {
  bytes = 0
  bytesMax: number
  readonly #onGrown: () => void

  /** `onGrown`: more memory is in use than before. */
  constructor(bytesMax: number, onGrown: () => void) {
    this.bytesMax = bytesMax
    this.#onGrown = onGrown
  }

  take(bytes: number): boolean {
    if (this.bytes + bytes > this.bytesMax) return false
    this.bytes += bytes
    if (bytes > 0) this.#onGrown()
    return true
  }

  give(bytes: number): void {
    this.bytes -= bytes
  }
}

const capacityAtFirst = 8 * 1024

/** A buffer that grows. It holds as much of the budget as it has room, until `take` or `drop`. */
export class GrowingBody {
  size = 0
  #room: Buffer = nothing
  readonly #budget: ReceivingBudget
  readonly #bytesMax: number

  constructor(budget: ReceivingBudget, bytesMax: number) {
    this.#budget = budget
    this.#bytesMax = bytesMax
  }

  /** Room for as much as is announced, so that nothing has to move. */
  reserve(bytes: number): boolean {
    return bytes <= this.#room.length || this.#grow(bytes)
  }

  add(bytes: Buffer, start: number, end: number): boolean {
    const size = this.size + end - start
    if (size > this.#bytesMax) return false
    if (size > this.#room.length) {
      const capacity = Math.min(this.#bytesMax, Math.max(size, this.#room.length * 2, capacityAtFirst))
      if (!this.#grow(capacity)) return false
    }
    bytes.copy(this.#room, this.size, start, end)
    this.size = size
    return true
  }

  /** The bytes, in a buffer of their size. */
  take(): Buffer {
    const { size } = this
    const body = size === this.#room.length ? this.#room : copyOf(this.#room, size)
    this.drop()
    return body
  }

  drop(): void {
    this.#budget.give(this.#room.length)
    this.#room = nothing
    this.size = 0
  }

  #grow(capacity: number): boolean {
    if (capacity > this.#bytesMax || !this.#budget.take(capacity - this.#room.length)) return false
    // Not from the shared pool: a slice of it would hold 64 KiB for as long as the answer is kept.
    const room = Buffer.allocUnsafeSlow(capacity)
    this.#room.copy(room, 0, 0, this.size)
    this.#room = room
    return true
  }
}

function copyOf(room: Buffer, size: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(size)
  room.copy(copy, 0, 0, size)
  return copy
}

const nothing = Buffer.alloc(0)
