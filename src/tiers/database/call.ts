// One statement on its way: waits for a connection, is sent, is repeated at fences, and settles its promise.

import { openChannel } from '../../base/channels.ts'
import type { Connection } from './connection.ts'
import type { ConnectionPool, Waiter } from './connection-pool.ts'
import { isRead, outcomeUnknown, reported, verdictOf } from './fences.ts'
import type { Statement, StatementOwner } from './statement.ts'

/** Where a statement runs: the shard that owns a slot, or a shard by its id. */
export type Place = number | string

/** What a call asks of its router. */
export interface CallRouter {
  readonly node: string
  poolOf(place: Place): ConnectionPool
  isSharded(table: string): boolean
  /**
   * Waits until another attempt is due, the map read again. Rejects with what the caller is told when none is:
   * the deadline passed, or the router closed.
   */
  beforeNextAttempt(since: number, attempt: number, cause: Error): Promise<void>
}

const queryChannel = openChannel('tenfold:query')

export class Call implements Waiter, StatementOwner {
  since = 0
  readonly #router: CallRouter
  readonly #place: Place
  readonly #text: string
  readonly #values: readonly unknown[]
  readonly #resolve: (statement: Statement) => void
  readonly #reject: (error: Error) => void
  readonly #startedAt = performance.now()
  #attempt = 0
  #pool: ConnectionPool | undefined
  #connection: Connection | undefined

  constructor(
    router: CallRouter,
    place: Place,
    text: string,
    values: readonly unknown[],
    resolve: (statement: Statement) => void,
    reject: (error: Error) => void,
  ) {
    this.#router = router
    this.#place = place
    this.#text = text
    this.#values = values
    this.#resolve = resolve
    this.#reject = reject
  }

  begin(): void {
    try {
      this.#router.poolOf(this.#place).acquire(this)
    } catch (error) {
      this.#end(error as Error)
    }
  }

  take(connection: Connection, pool: ConnectionPool): void {
    this.#connection = connection
    this.#pool = pool
    connection.send(this.#text, this.#values, this)
  }

  refuse(error: Error): void {
    this.#fail(error, false)
  }

  settled(statement: Statement, error: Error | undefined): void {
    const connection = this.#connection as Connection
    if (error) connection.noteFailure(error, this.#text)
    const isInDoubt = connection.hasLostSync && !isRead(this.#text)
    connection.hasLostSync = false
    this.#pool?.give(connection)
    if (isInDoubt) this.#end(outcomeUnknown('the wait for a synchronous replica was cancelled', error))
    else if (error) this.#fail(error, statement.isSent)
    else {
      if (queryChannel.hasSubscribers) this.#publish()
      this.#resolve(statement)
    }
  }

  #fail(error: Error, isSent: boolean): void {
    const verdict = verdictOf(error, { isSent, text: this.#text, isSharded: this.#router.isSharded })
    if (verdict === 'final') this.#end(reported(error))
    else if (verdict === 'unknown') this.#end(outcomeUnknown('the connection broke while a write was under way', error))
    else
      this.#router.beforeNextAttempt(this.#startedAt, this.#attempt++, error).then(
        () => this.begin(),
        (reason) => this.#end(reason as Error),
      )
  }

  #end(error: Error): void {
    if (queryChannel.hasSubscribers) this.#publish(error)
    this.#reject(error)
  }

  #publish(error?: Error): void {
    const durationMs = performance.now() - this.#startedAt
    const message = { node: this.#router.node, durationMs }
    queryChannel.publish(error ? { ...message, error: error.message } : message)
  }
}
