// Histories of a store that keeps every promise, made from a seed: one primary, a replica that lags, sessions that read from
// either but never behind what they know, writes whose outcome is lost. For the checker's own tests.

import { type Random, seededRandom } from '../../../../src/base/random.ts'
import type { Action } from '../load/mix.ts'
import type { FinalObject, Operation, Outcome, Seen } from '../operation.ts'

export interface RecordedRun {
  history: Operation[]
  final: FinalObject[]
}

/** An operation and the moment at which the store carries it out, inside of its time; never, for a write that got lost. */
interface Event {
  operation: Operation
  atMs: number
}

interface SimulatedSession {
  freeAtMs: number
  /** How much of the log it wrote or saw. */
  known: number
}

/** From one operation's beginning to the next one's; each takes up to `durationMsMax`, so that several overlap. */
const stepMs = 10
const durationMsMax = 40
/** A write whose outcome is unknown may still happen so long after its client gave up. */
const lateMsMax = 100
const objects = ['set', 'counter', 'bank', 'list'] as const
const accounts = 3

export function makeCorrectRun(seed: number, operations: number, sessions = 3): RecordedRun {
  return new CorrectStore(seededRandom(seed), sessions).run(operations)
}

class CorrectStore {
  readonly #random: Random
  readonly #sessions: SimulatedSession[]
  #nowMs = 0
  /** Committed writes, in their order. A replica has a beginning of it. */
  #log: Operation[] = []

  constructor(random: Random, sessions: number) {
    this.#random = random
    this.#sessions = Array.from({ length: sessions }, () => ({ freeAtMs: 0, known: 0 }))
  }

  run(operations: number): RecordedRun {
    const events = Array.from({ length: operations }, (_, index) => this.#begin(index + 1))
    for (const { operation, atMs } of events.toSorted((a, b) => a.atMs - b.atMs))
      if (Number.isFinite(atMs)) this.#carryOut(operation)
    const history = events.map(({ operation }) => operation)
    const names = new Map(history.map(({ object, key }) => [`${object} ${key}`, { object, key }]))
    const final = [...names.values()].map((name) => ({ ...name, ...this.#stateOf(name, this.#log.length) }))
    return { history, final }
  }

  #begin(id: number): Event {
    const number = this.#random.int(this.#sessions.length)
    const session = this.#sessions[number] as SimulatedSession
    const object = this.#random.pick(objects)
    const access: Action['access'] = this.#random.int(2) === 0 ? 'write' : 'read'
    const isOwn = object === 'set' || object === 'counter'
    const key = isOwn ? `u${number}` : `shared${this.#random.int(2)}`
    this.#nowMs = Math.max(this.#nowMs + stepMs, session.freeAtMs)
    const [invokedMs, doneMs] = [this.#nowMs, this.#nowMs + 1 + this.#random.int(durationMsMax)]
    session.freeAtMs = doneMs + 1
    const operation: Operation = {
      ...{ id, session: number, object, key, access, server: `s${id % 2}`, dueMs: invokedMs, invokedMs, doneMs },
      outcome: access === 'read' ? 'ok' : this.#random.pick<Outcome>(['ok', 'ok', 'ok', 'failed', 'unknown']),
    }
    if (operation.outcome !== 'ok') operation.failure = 'planted'
    if (object === 'bank' && access === 'write') operation.transfer = this.#transfer()
    return { operation, atMs: this.#effectMs(operation) }
  }

  #transfer() {
    const from = this.#random.int(accounts)
    return { from, to: (from + 1) % accounts, amount: 1 + this.#random.int(9) }
  }

  #effectMs({ outcome, invokedMs, doneMs }: Operation): number {
    if (outcome === 'ok') return invokedMs + this.#random.next() * (doneMs - invokedMs)
    const isCarriedOut = outcome === 'unknown' && this.#random.int(2) === 0
    return isCarriedOut ? invokedMs + this.#random.next() * lateMsMax : Number.POSITIVE_INFINITY
  }

  #carryOut(operation: Operation): void {
    const session = this.#sessions[operation.session] as SimulatedSession
    const isOk = operation.outcome === 'ok'
    if (operation.access === 'write') {
      this.#log.push(operation)
      if (isOk) session.known = this.#log.length
      if (isOk && operation.object === 'counter') operation.seen = this.#stateOf(operation, this.#log.length)
    } else {
      // The primary, or any replica that has what the session knows.
      session.known += this.#random.int(this.#log.length - session.known + 1)
      operation.seen = this.#stateOf(operation, session.known)
    }
  }

  #stateOf({ object, key }: Pick<Operation, 'object' | 'key'>, position: number): Seen {
    const writes = this.#log.slice(0, position).filter((write) => write.object === object && write.key === key)
    if (object === 'counter') return { value: writes.length }
    const elements = writes.map(({ id }) => id)
    if (object !== 'bank') return { elements }
    const balances: Record<string, number> = {}
    for (const { transfer } of writes) {
      if (!transfer) continue
      balances[transfer.from] = (balances[transfer.from] ?? 0) - transfer.amount
      balances[transfer.to] = (balances[transfer.to] ?? 0) + transfer.amount
    }
    return { elements, balances }
  }
}
