// The connections of one process to one server. Last in, first out, so that few connections carry light load and
// stay warm. Whoever finds none free waits in line; the line is bounded, and a pause (a hold) keeps it standing.

import { TenfoldError } from '../../base/errors.ts'
import { outsideOfScopes } from './causality/causality.ts'
import { Connection, type ConnectionSettings } from './connection.ts'
import type { RouterOptions } from './options.ts'
import { WrongRole } from './role-check.ts'

/** Someone in line for a connection: gets one, or hears why not. */
export interface Waiter {
  /** Monotonic time since which the line, not a pause, keeps it waiting. */
  since: number
  take(connection: Connection, pool: ConnectionPool): void
  refuse(error: Error): void
  /** The server is none of its shard's any more: looks for another one. */
  reroute(): void
}

/** What a pool tells and asks whoever opened it. */
export interface PoolListener {
  /** The last busy connection was given back. */
  onQuiet(): void
  /** A connection died that nobody here had ended. */
  onLost(): void
  /** The server is another than the map says: there must be a newer map. */
  onMapIsOld(): void
  /** The server has answered somebody lately. */
  isAnswering(): boolean
}

const sweepIntervalMs = 250
/** Logins under way. Ten at once take the processors from the statements that those who are logged in could run meanwhile. */
const loginsMax = 2

export class ConnectionPool {
  readonly settings: ConnectionSettings
  readonly #options: RouterOptions
  readonly #listener: PoolListener
  #idle: Connection[] = []
  #all = new Set<Connection>()
  #busy = 0
  #connecting = 0
  #waiters: Waiter[] = []
  #isPaused = false
  #isRetired = false
  #sweeper: NodeJS.Timeout | undefined

  constructor(settings: ConnectionSettings, options: RouterOptions, listener: PoolListener) {
    this.settings = settings
    this.#options = options
    this.#listener = listener
  }

  /** Connections that are handed out: statements and transactions under way. */
  get busy(): number {
    return this.#busy
  }

  get waiting(): number {
    return this.#waiters.length
  }

  get size(): number {
    return this.#all.size
  }

  /** Hands `waiter` a connection, at once when one is free. */
  acquire(waiter: Waiter): void {
    if (!this.#isPaused && this.#waiters.length === 0) {
      const connection = this.#idle.pop()
      if (connection) {
        this.#busy++
        waiter.take(connection, this)
        return
      }
    }
    const { waitersMax } = this.#options
    if (this.#waiters.length >= waitersMax) {
      const why = this.#isPaused ? 'while the primary moves' : 'for a connection'
      waiter.refuse(new TenfoldError('overloaded', `already ${waitersMax} statements wait ${why}; try again`))
      return
    }
    waiter.since = performance.now()
    this.#waiters.push(waiter)
    this.#pump()
  }

  /** Takes a waiter out of the line. False: it is not in it. */
  leave(waiter: Waiter): boolean {
    const at = this.#waiters.indexOf(waiter)
    if (at >= 0) this.#waiters.splice(at, 1)
    return at >= 0
  }

  give(connection: Connection): void {
    if (connection.cancelling) return void connection.cancelling.then(() => this.give(connection))
    this.#busy--
    if (!connection.isUsable) this.#listener.onLost()
    if (connection.isUsable && !this.#isRetired) {
      connection.idleSince = performance.now()
      this.#idle.push(connection)
      if (this.#waiters.length > 0) this.#pump()
    } else {
      connection.end() // also one that only met a fence: its server still keeps it
      this.#remove(connection)
    }
    if (this.#busy === 0) this.#listener.onQuiet()
  }

  /** New ones wait; those under way go on. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    const now = performance.now()
    for (const waiter of this.#waiters) waiter.since = now
    this.#pump()
  }

  /** Takes over the free connections of a pool of the same server, whose role has changed: no login, only its check. */
  adopt(former: ConnectionPool): void {
    const onDead = (dead: Connection) => this.#drop(dead)
    for (const connection of former.#idle.splice(0)) {
      former.#all.delete(connection)
      void outsideOfScopes(() => this.#admit(connection, connection.moveTo(this.settings, onDead)))
    }
  }

  /** Takes no more; ends each connection as it comes free. Answers who was in line. */
  retire(): Waiter[] {
    this.#isRetired = true
    for (const connection of this.#idle) {
      connection.end()
      this.#all.delete(connection)
    }
    this.#idle = []
    this.#stopSweepingWhenEmpty()
    return this.#waiters.splice(0)
  }

  /** Cuts what is under way and sends away who waits, who all go elsewhere; whoever comes later is served again. */
  cut(why: string): void {
    const reason = new TenfoldError('timeout', why)
    for (const connection of this.#all) connection.destroy(reason)
    this.#refuseAll(reason)
  }

  /** Retires it and cuts what is still under way. */
  destroy(reason: TenfoldError): void {
    for (const waiter of this.retire()) waiter.refuse(reason)
    for (const connection of this.#all) connection.destroy(reason)
  }

  #pump(): void {
    if (this.#isPaused) return
    while (this.#waiters.length > 0) {
      const connection = this.#idle.pop()
      if (!connection) break
      this.#busy++
      this.#waiters.shift()?.take(connection, this)
    }
    const room = this.#options.poolMax - this.#all.size
    const wanted = Math.min(this.#waiters.length, room, loginsMax) - this.#connecting
    for (let i = 0; i < wanted; i++) void outsideOfScopes(() => this.#connect())
  }

  #connect(): Promise<void> {
    const connection = new Connection(this.settings, this.#options.silenceMs, (dead) => this.#drop(dead))
    return this.#admit(connection, connection.connect())
  }

  /** It serves from the end of `check` on. */
  async #admit(connection: Connection, check: Promise<void>): Promise<void> {
    this.#connecting++
    try {
      await check
    } catch (error) {
      this.#connecting--
      connection.end()
      if (error instanceof WrongRole) this.#listener.onMapIsOld()
      // Those in line could wait for ever when no connection is left that may come free.
      if (this.#all.size === 0) this.#refuseAll(error as Error)
      return
    }
    this.#connecting--
    if (connection.isMapOld) this.#listener.onMapIsOld()
    if (this.#isRetired) return connection.end()
    this.#all.add(connection)
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepIntervalMs).unref()
    connection.idleSince = performance.now()
    this.#idle.push(connection)
    this.#pump()
  }

  #refuseAll(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.refuse(error)
  }

  /** A connection died: an idle one leaves here, a busy one when it is given back. */
  #drop(connection: Connection): void {
    const at = this.#idle.indexOf(connection)
    if (at < 0) return
    this.#idle.splice(at, 1)
    this.#listener.onLost()
    this.#remove(connection)
  }

  #remove(connection: Connection): void {
    this.#all.delete(connection)
    this.#stopSweepingWhenEmpty()
    this.#pump()
  }

  #sweep(): void {
    const now = performance.now()
    const { address, port } = this.settings
    const overdueMs = this.#listener.isAnswering() && !this.#isRetired ? this.#options.overdueMs : 0
    for (const connection of this.#all)
      if (connection.deadline > 0 && now > connection.deadline) connection.expire(overdueMs)
    while (this.#idle.length > 1 && now - (this.#idle[0]?.idleSince ?? now) > this.#options.idleMs) {
      const oldest = this.#idle.shift()
      oldest?.end()
      if (oldest) this.#all.delete(oldest)
    }
    const { waitMs, poolMax } = this.#options
    while (!this.#isPaused && this.#waiters[0] && now - this.#waiters[0].since > waitMs) {
      const message = `all ${poolMax} connections to ${address}:${port} were busy for ${waitMs} ms`
      this.#waiters.shift()?.refuse(new TenfoldError('overloaded', message))
    }
  }

  #stopSweepingWhenEmpty(): void {
    if (this.#all.size > 0) return
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }
}
