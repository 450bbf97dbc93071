// The open loop that records: at every due time a session that is free does one thing; when none is free a newcomer joins.
// So the rate holds while the system hangs, and the history keeps what each client was told.

import { randomUUID } from 'node:crypto'
import { describeError } from '../../../../src/base/errors.ts'
import { waitUntil } from '../../../../src/base/limits.ts'
import { type Random, seededRandom } from '../../../../src/base/random.ts'
import { LoadClient } from '../../../../src/tour/load/client.ts'
import { runArrivals } from '../../../../src/tour/load/schedule.ts'
import type { FinalObject, Operation } from '../operation.ts'
import { readFinal } from './final-state.ts'
import { type Mix, pickAction } from './mix.ts'
import { SharedObjects } from './objects.ts'
import { judgeAnswer, judgeError } from './outcome.ts'
import { type Asked, makeTransfer, readAnswer, requestFor } from './requests.ts'
import { Session } from './session.ts'

export interface RecorderConfig {
  /** Base URLs: the public address, web servers' own ones. Each session speaks to them in turn. */
  servers: string[]
  ratePerSecond: number
  mix: Mix
  /** Share of the writes that carry an Idempotency-Key. */
  keyedShare: number
  /** From the due time to the last byte of the answer; then the outcome is unknown. */
  timeoutMs: number
  /** Sessions that join before anybody comes a second time: of many, each has its last write some time behind it. */
  sessionsMin: number
  /** Sessions at once, and so operations under way; what is due beyond that counts as failed without being sent. */
  sessionsMax: number
  /** After so many operations a session leaves, so that its set stays short. */
  sessionOperationsMax: number
  /** The load ends by itself when the history has so many operations. */
  historyMax: number
  seed: number
}

export class Recorder {
  readonly #config: RecorderConfig
  readonly #run = `r${randomUUID().slice(0, 8)}`
  readonly #random: Random
  readonly #objects: SharedObjects
  readonly #stop = new AbortController()
  #clients: Array<{ server: string; client: LoadClient }> = []
  #idle: Session[] = []
  #sessions = 0
  #joined = 0
  #underWay = 0
  #lastId = 0
  #history: Operation[] = []
  #arrivals: Promise<void> = Promise.resolve()

  constructor(config: RecorderConfig) {
    this.#config = config
    this.#random = seededRandom(config.seed)
    this.#objects = new SharedObjects(this.#run, this.#random)
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
    const session = this.#nextIdle()
    const isNew = session === undefined
    const speaker = session ?? this.#newcomer()
    const asked = this.#ask(speaker, isNew)
    if (!speaker) {
      const atMs = performance.timeOrigin + dueAtMs
      const unsent = { server: 'none', dueMs: atMs, invokedMs: atMs, doneMs: atMs, session: -1 }
      const failure = `not sent: ${this.#config.sessionsMax} wait for an answer`
      this.#history.push({ ...asked, ...unsent, outcome: 'failed', failure })
      return
    }
    this.#underWay++
    const operation = await this.#perform(speaker, asked, dueAtMs)
    this.#underWay--
    this.#history.push(operation)
    const isJoined = !isNew || operation.outcome === 'ok'
    if (isJoined && ++speaker.operations < this.#config.sessionOperationsMax) this.#idle.push(speaker)
    else this.#sessions--
  }

  #nextIdle(): Session | undefined {
    if (this.#sessions < this.#config.sessionsMin) return undefined
    return this.#idle.splice(this.#random.int(this.#idle.length), 1)[0]
  }

  #newcomer(): Session | undefined {
    if (this.#sessions >= this.#config.sessionsMax) return undefined
    this.#sessions++
    const number = ++this.#joined
    return new Session(number, `${this.#run}.u${number}`)
  }

  #ask(session: Session | undefined, isNew: boolean): Asked {
    const id = ++this.#lastId
    if (!session || isNew) return { id, object: 'session', key: session?.user ?? '', access: 'write' }
    const { access, object } = pickAction(this.#config.mix, this.#random)
    const isShared = object === 'bank' || object === 'list'
    if (access === 'read') return { id, object, access, key: isShared ? this.#objects.pick(object) : session.user }
    const key = isShared ? this.#objects.pickToWrite(object) : session.user
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

/** Wall-clock milliseconds by the clock that never goes back. */
function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
