// The open loop that records: at every due time a session that is free does one thing; when none is free a newcomer joins.
// So the rate holds while the system hangs, and the history keeps what each client was told.

import { randomUUID } from 'node:crypto'
import { describeError } from '../../../../src/base/errors.ts'
import { waitUntil } from '../../../../src/base/limits.ts'
import { type Random, seededRandom } from '../../../../src/base/random.ts'
import { LoadClient } from '../../../../src/tour/load/client.ts'
import { runArrivals } from '../../../../src/tour/load/schedule.ts'
import type { FinalObject, Operation } from '../operation.ts'
import { Crowd, type CrowdLimits } from './crowd.ts'
import { readFinal } from './final-state.ts'
import { type Action, type Mix, pickAction } from './mix.ts'
import { SharedObjects } from './objects.ts'
import { judgeAnswer, judgeError } from './outcome.ts'
import { type Asked, makeTransfer, readAnswer, requestFor } from './requests.ts'
import type { Session } from './session.ts'

export interface RecorderConfig extends CrowdLimits {
  /** Base URLs: the public address, web servers' own ones. Each session speaks to them in turn. */
  servers: string[]
  ratePerSecond: number
  mix: Mix
  /** Share of the writes that carry an Idempotency-Key. */
  keyedShare: number
  /** From the due time to the last byte of the answer; then the outcome is unknown. */
  timeoutMs: number
  /** The load ends by itself when the history has so many operations. */
  historyMax: number
  seed: number
}

export class Recorder {
  readonly #config: RecorderConfig
  readonly #run = `r${randomUUID().slice(0, 8)}`
  readonly #random: Random
  readonly #objects: SharedObjects
  readonly #crowd: Crowd
  readonly #stop = new AbortController()
  #clients: Array<{ server: string; client: LoadClient }> = []
  #underWay = 0
  #lastId = 0
  #history: Operation[] = []
  #arrivals: Promise<void> = Promise.resolve()

  constructor(config: RecorderConfig) {
    this.#config = config
    this.#random = seededRandom(config.seed)
    this.#objects = new SharedObjects(this.#run, this.#random)
    this.#crowd = new Crowd(this.#run, this.#random, config)
    this.aim(config.servers)
  }

  /** Whom sessions ask from now on; what is under way at others is finished there. */
  aim(servers: readonly string[]): void {
    const { sessionsMax } = this.#config
    const clientOf = (server: string) =>
      this.#clients.find((known) => known.server === server) ?? {
        server,
        client: new LoadClient(server, { connectionsMax: sessionsMax }),
      }
    this.#clients = servers.map(clientOf)
  }

  start(): void {
    const { ratePerSecond, historyMax } = this.#config
    const arrivals = { ratePerSecond, countMax: historyMax }
    this.#arrivals = runArrivals((dueAtMs) => void this.#arrive(dueAtMs), this.#stop.signal, arrivals)
  }

  /** No operation begins any more; answers all of them when the last one has its outcome. */
  async stop(): Promise<Operation[]> {
    this.#stop.abort()
    await this.#arrivals
    const timeoutMs = this.#config.timeoutMs + 5000
    await waitUntil(() => this.#underWay === 0, { what: 'the last answer', timeoutMs })
    return this.#history
  }

  /** What is there, as the primary says. After `stop`. */
  async final(): Promise<FinalObject[]> {
    const users = new Set(
      this.#history.flatMap(({ object, key }) => (object === 'set' || object === 'counter' ? key : [])),
    )
    const [first] = this.#clients
    return first ? readFinal(first.client, { users, shared: this.#objects.all }) : []
  }

  async #arrive(dueAtMs: number): Promise<void> {
    const action = pickAction(this.#config.mix, this.#random)
    const known = this.#crowd.take(action.access)
    const session = known ?? this.#crowd.newcomer()
    const id = ++this.#lastId
    if (!session) return void this.#history.push(this.#unsent(id, action, dueAtMs))
    const asked = known ? this.#ask(id, action, known) : joinOf(id, session)
    this.#underWay++
    const operation = await this.#perform(session, asked, dueAtMs)
    this.#underWay--
    this.#history.push(operation)
    this.#crowd.release(session, operation)
  }

  #unsent(id: number, { access }: Action, dueAtMs: number): Operation {
    const atMs = performance.timeOrigin + dueAtMs
    const nobody = { id, session: -1, object: 'session', key: 'none', server: 'none', access } as const
    const failure = `not sent: ${this.#config.sessionsMax} wait for an answer`
    return { ...nobody, dueMs: atMs, invokedMs: atMs, doneMs: atMs, outcome: 'failed', failure }
  }

  #ask(id: number, { access, object }: Action, { user }: Session): Asked {
    const isShared = object === 'bank' || object === 'list'
    if (access === 'read') return { id, object, access, key: isShared ? this.#objects.pick(object) : user }
    const key = isShared ? this.#objects.pickToWrite(object) : user
    const isKeyed = this.#random.next() < this.#config.keyedShare
    const transfer = object === 'bank' && { transfer: makeTransfer(this.#random) }
    return { id, object, access, key, isKeyed, ...transfer }
  }

  async #perform(session: Session, asked: Asked, dueAtMs: number): Promise<Operation> {
    const { server, client } = session.nextOf(this.#clients)
    const begin = {
      ...asked,
      session: session.number,
      server,
      dueMs: performance.timeOrigin + dueAtMs,
      invokedMs: nowMs(),
    }
    try {
      const leftMs = this.#config.timeoutMs - (performance.now() - dueAtMs)
      const answer = await session.send(client, requestFor(asked), leftMs)
      const end = { ...begin, doneMs: nowMs(), ...judgeAnswer(answer) }
      if (end.outcome !== 'ok') return end
      try {
        const seen = readAnswer(asked, answer)
        return seen ? { ...end, seen } : end
      } catch (error) {
        return { ...end, outcome: 'unknown', failure: `the answer does not hold: ${describeError(error)}` }
      }
    } catch (error) {
      return { ...begin, doneMs: nowMs(), ...judgeError(error) }
    }
  }
}

function joinOf(id: number, { user }: Session): Asked {
  return { id, object: 'session', key: user, access: 'write' }
}

/** Wall-clock milliseconds by the clock that never goes back. */
function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
