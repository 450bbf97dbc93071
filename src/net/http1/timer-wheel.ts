// Deadlines of many connections on one timer (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987).
//
// Setting a deadline costs an addition and, where it moves an earlier one further away, nothing else: the entry stays
// where it is and is put further when its old time comes. So a connection can set its deadline with each request.
// Precision is one tick, and never too early.

import { warnOfFault } from './fault.ts'

const tickMs = 100
const slotCount = 256

export interface DeadlineOwner {
  onDeadline(): void
}

export class Deadline {
  readonly owner: DeadlineOwner
  /** When it is over; Infinity when it is not set. */
  dueMs = Number.POSITIVE_INFINITY
  /** Of the wheel: which slot holds it, or -1, and its neighbours there. */
  slot = -1
  slotMs = 0
  previous: Deadline | undefined
  next: Deadline | undefined

  constructor(owner: DeadlineOwner) {
    this.owner = owner
  }
}

export class TimerWheel {
  readonly #clock: () => number
  readonly #slots: Array<Deadline | undefined> = new Array(slotCount).fill(undefined)
  readonly #isDriven: boolean
  #nowMs: number
  #tick: number
  #size = 0
  #timer: NodeJS.Timeout | undefined

  /** `isDriven: false`: only `advance` moves it, for tests. */
  constructor({ clock = () => performance.now(), isDriven = true } = {}) {
    this.#clock = clock
    this.#isDriven = isDriven
    this.#nowMs = clock()
    this.#tick = Math.floor(this.#nowMs / tickMs)
  }

  /** Deadlines that are set, or were and have not come round yet. */
  get size(): number {
    return this.#size
  }

  /** At most one tick old. */
  get nowMs(): number {
    if (this.#timer === undefined && this.#isDriven) this.#nowMs = this.#clock()
    return this.#nowMs
  }

  /** Calls the owner once, `afterMs` from now or up to two ticks later. Replaces what was set before. */
  set(deadline: Deadline, afterMs: number): void {
    if (this.#size === 0) this.#wake()
    deadline.dueMs = this.nowMs + afterMs + tickMs
    if (deadline.slot >= 0) {
      if (deadline.dueMs >= deadline.slotMs) return
      this.#unlink(deadline)
    }
    this.#link(deadline)
  }

  /** The owner is not called any more. May be called twice. */
  clear(deadline: Deadline): void {
    deadline.dueMs = Number.POSITIVE_INFINITY
  }

  /** As `clear`, and the wheel lets go of the owner at once. */
  remove(deadline: Deadline): void {
    this.clear(deadline)
    if (deadline.slot >= 0) this.#unlink(deadline)
    if (this.#size === 0) this.#sleep()
  }

  /** Moves on to `nowMs` and calls whoever is due. */
  advance(nowMs: number): void {
    this.#nowMs = nowMs
    const tick = Math.floor(nowMs / tickMs)
    // After a long pause of the process one turn covers every slot.
    const from = Math.max(this.#tick + 1, tick - slotCount + 1)
    for (let t = from; t <= tick; t++) {
      this.#tick = t
      this.#visit(t % slotCount, nowMs)
    }
    this.#tick = tick
    if (this.#size === 0) this.#sleep()
  }

  #visit(slot: number, nowMs: number): void {
    let deadline = this.#slots[slot]
    // Taken out of the slot as a whole: an owner may set deadlines, and remove others, while it is called.
    this.#slots[slot] = undefined
    const due: Deadline[] = []
    while (deadline !== undefined) {
      const { next } = deadline
      deadline.slot = -1
      deadline.previous = deadline.next = undefined
      this.#size--
      if (deadline.dueMs <= nowMs) due.push(deadline)
      else if (deadline.dueMs !== Number.POSITIVE_INFINITY) this.#link(deadline)
      deadline = next
    }
    for (const each of due) {
      // One that was called before may have cleared or moved this one.
      if (each.slot >= 0 || each.dueMs > nowMs) continue
      this.clear(each)
      try {
        each.owner.onDeadline()
      } catch (error) {
        warnOfFault(error) // the others must still hear of theirs
      }
    }
  }

  #link(deadline: Deadline): void {
    // Further away than one turn: it is met early, and put further then.
    const tick = Math.min(Math.ceil(deadline.dueMs / tickMs), this.#tick + slotCount - 1)
    const slot = Math.max(tick, this.#tick + 1) % slotCount
    const first = this.#slots[slot]
    deadline.slot = slot
    deadline.slotMs = tick * tickMs
    deadline.previous = undefined
    deadline.next = first
    if (first !== undefined) first.previous = deadline
    this.#slots[slot] = deadline
    this.#size++
  }

  #unlink(deadline: Deadline): void {
    if (deadline.previous !== undefined) deadline.previous.next = deadline.next
    else this.#slots[deadline.slot] = deadline.next
    if (deadline.next !== undefined) deadline.next.previous = deadline.previous
    deadline.slot = -1
    deadline.previous = deadline.next = undefined
    this.#size--
  }

  #wake(): void {
    if (!this.#isDriven) return
    this.#nowMs = this.#clock()
    this.#tick = Math.floor(this.#nowMs / tickMs)
    this.#timer ??= setInterval(() => this.advance(this.#clock()), tickMs).unref()
  }

  #sleep(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
