// Is the primary of a shard there? One that died is known by its process. One that hangs is harder to tell from one that
// is slow, or from a supervisor that is: so silence alone is not believed. It counts when the operating system says that
// the process is stopped, or when no web server or worker gets an answer either.

import { systemClock } from '../../base/clock.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import { withTimeout } from '../../base/limits.ts'
import type { MapNode } from '../../map/map.ts'
import { DoorClient } from '../../processes/door/client.ts'
import type { PostgresAdmin, ReplicaLag } from '../../programs/postgres/admin.ts'
import { stopMarkOf } from '../../programs/postgres/processes.ts'
import type { System } from '../system.ts'

const beatIntervalMs = 250
const reachTimeoutMs = 500
/** Between two looks: a supervisor that stood still itself has no word on who was silent. */
const lookGapMsMax = 500
/** While it recovers from a crash it answers, that it is not ready. It gets so many times longer than one that hangs. */
const recoveryPatience = 5
const startingUp = '57P03'

export type PrimaryState = { is: 'well' } | { is: 'slow' } | { is: 'gone'; why: string }

export class PrimaryWatch {
  readonly #system: System
  readonly #shard: string
  #node = ''
  #admin: PostgresAdmin | undefined
  #beating: Promise<void> | undefined
  /** Beats that have ended. */
  #beats = 0
  #nextBeatMs = 0
  #answeredAtMs = 0
  #recoveringSinceMs: number | undefined
  #stopped: { mark: string; sinceMs: number } | undefined
  #isInRecovery = false
  #lookedAtMs = 0
  #lastError: unknown
  /** What the primary last said of its replicas; undefined until it did. */
  replicas: { atMs: number; lag: ReplicaLag[] } | undefined

  constructor(system: System, shard: string) {
    this.#system = system
    this.#shard = shard
  }

  async look(primary: MapNode): Promise<PrimaryState> {
    const nowMs = systemClock.monotonic()
    if (primary.id !== this.#node) await this.#begin(primary.id, nowMs)
    if (nowMs - this.#lookedAtMs > lookGapMsMax) this.#answeredAtMs = nowMs
    this.#lookedAtMs = nowMs
    const { hangMsMax } = this.#system.keeper.map.topology.database
    if (primary.pid === null || !this.#system.postgres.isAlive(primary, primary.pid)) {
      await this.forget()
      return { is: 'gone', why: 'its process died' }
    }
    const mark = stopMarkOf(primary.pid)
    if (mark === undefined || mark !== this.#stopped?.mark)
      this.#stopped = mark === undefined ? undefined : { mark, sinceMs: nowMs }
    // What the operating system says needs no second opinion, and so less patience.
    if (this.#stopped && nowMs - this.#stopped.sinceMs >= hangMsMax / 2)
      return { is: 'gone', why: `it has been stopped for ${Math.round(nowMs - this.#stopped.sinceMs)} ms` }
    if (this.#isInRecovery) return { is: 'gone', why: 'it follows somebody, as no primary does' }
    if (nowMs >= this.#nextBeatMs) this.#beating ??= this.#beat(primary, hangMsMax)
    if (this.#recoveringSinceMs !== undefined) {
      const recoveringMs = nowMs - this.#recoveringSinceMs
      return recoveringMs < hangMsMax * recoveryPatience
        ? { is: 'slow' }
        : { is: 'gone', why: `it has been recovering from a crash for ${Math.round(recoveringMs)} ms` }
    }
    const silentMs = nowMs - this.#answeredAtMs
    if (silentMs < hangMsMax) return { is: 'well' }
    if (await this.#isReached()) return { is: 'slow' }
    const reason = this.#lastError === undefined ? '' : ` (${describeError(this.#lastError)})`
    return { is: 'gone', why: `it has answered nobody for ${Math.round(silentMs)} ms${reason}` }
  }

  /** Closes what is open. May be called twice; a later look begins anew. */
  async forget(): Promise<void> {
    const admin = this.#admin
    this.#admin = undefined
    this.#node = ''
    await admin?.close()
  }

  async #begin(node: string, nowMs: number): Promise<void> {
    await this.forget()
    this.#node = node
    this.#answeredAtMs = nowMs
    this.#nextBeatMs = nowMs
    this.#recoveringSinceMs = undefined
    this.#stopped = undefined
    this.#isInRecovery = false
    this.#lastError = undefined
    this.replicas = undefined
  }

  /** Over a kept connection, and over a new one when that fails: a server that takes nobody new is of no use either. */
  async #beat(primary: MapNode, timeoutMs: number): Promise<void> {
    try {
      const lag = await withTimeout(this.#askLag(primary), timeoutMs, `${primary.id} answering the supervisor`)
      const nowMs = systemClock.monotonic()
      this.replicas = { atMs: nowMs, lag }
      this.#answeredAtMs = nowMs
      this.#recoveringSinceMs = undefined
      this.#lastError = undefined
    } catch (error) {
      this.#lastError = error
      if ((error as { code?: string }).code === startingUp) this.#recoveringSinceMs ??= systemClock.monotonic()
      const broken = this.#admin
      this.#admin = undefined
      void broken?.close()
    } finally {
      this.#beats++
      this.#nextBeatMs = systemClock.monotonic() + beatIntervalMs
      this.#beating = undefined
    }
  }

  async #askLag(primary: MapNode): Promise<ReplicaLag[]> {
    const admin = this.#admin ?? (await this.#connect(primary))
    this.#isInRecovery = await admin.isInRecovery()
    return admin.lag()
  }

  /** One that comes after its beat was given up is closed: somebody else has been asked by then. */
  async #connect(primary: MapNode): Promise<PostgresAdmin> {
    const beat = this.#beats
    const admin = await this.#system.postgres.admin(primary)
    if (beat !== this.#beats || this.#node !== primary.id) {
      void admin.close()
      throw new TenfoldError('timeout', `${primary.id} took a connection too late`)
    }
    this.#admin = admin
    return admin
  }

  /** The second path: whether any process of the app gets an answer from it. */
  async #isReached(): Promise<boolean> {
    const { keeper, home } = this.#system
    const askers = keeper.map.nodes.filter(
      ({ role, state }) => (role === 'web' || role === 'worker') && state === 'ready',
    )
    const answers = await Promise.all(
      askers.map(({ id }) =>
        new DoorClient(home, id)
          .reach({ shard: this.#shard, timeoutMs: reachTimeoutMs })
          .catch(() => ({ isReached: false })),
      ),
    )
    return answers.some(({ isReached }) => isReached)
  }
}
