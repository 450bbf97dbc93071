// One statement on its way: finds its source, waits for a connection, is sent, is repeated at fences, and settles its
// promise.
//
//   line     waits for a connection, or for the end of a hold
//   running  its bytes are with a server
//   pause    between two attempts
//   ended    its caller has heard; a write that was given up under way may still hold its connection

import { openChannel } from '../../base/channels.ts'
import { isTenfoldError, type TenfoldError } from '../../base/errors.ts'
import type { Scope } from './causality/scope.ts'
import type { Connection } from './connection.ts'
import type { Waiter } from './connection-pool.ts'
import { Deadline } from './deadline.ts'
import { outcomeUnknown, reported, sqlStateOf, verdictOf } from './fences.ts'
import type { ReadTexts } from './read-texts.ts'
import type { ShardSources } from './sources/shard-sources.ts'
import type { Source } from './sources/source.ts'
import type { Statement, StatementOwner } from './statement.ts'
import type { Terms } from './terms.ts'

/** Where a statement runs: the shard that owns a slot, or a shard by its id. */
export type Place = number | string

/** What a call asks of its router. */
export interface CallRouter {
  readonly node: string
  readonly texts: ReadTexts
  /** @throws closed, or unavailable when the map has no such shard. */
  shardOf(place: Place): ShardSources
  isSharded(table: string): boolean
  /**
   * Waits until another attempt is due, the map read again. Rejects with what the caller is told when none is:
   * the deadline passed, or the router closed.
   */
  beforeNextAttempt(since: number, attempt: number, cause: Error): Promise<void>
}

export interface CallRequest {
  readonly place: Place
  readonly text: string
  readonly values: readonly unknown[]
  readonly terms: Terms
  readonly scope: Scope | undefined
}

const queryChannel = openChannel('tenfold:query')

export class Call implements Waiter, StatementOwner {
  since = 0
  readonly #router: CallRouter
  readonly #request: CallRequest
  readonly #resolve: (statement: Statement) => void
  readonly #reject: (error: Error) => void
  readonly #startedAt = performance.now()
  #state: 'line' | 'running' | 'pause' | 'ended' = 'line'
  #attempt = 0
  /** A replica failed: the primary's answer counts. */
  #needsPrimary = false
  #shard: ShardSources | undefined
  #source: Source | undefined
  #connection: Connection | undefined
  #deadline: Deadline | undefined

  constructor(
    router: CallRouter,
    request: CallRequest,
    resolve: (statement: Statement) => void,
    reject: (error: Error) => void,
  ) {
    this.#router = router
    this.#request = request
    this.#resolve = resolve
    this.#reject = reject
  }

  begin(): void {
    try {
      this.#deadline = Deadline.of(this.#request.terms, (reason) => this.#giveUp(reason))
      this.reroute()
    } catch (error) {
      this.#end(error as Error)
    }
  }

  /** Joins the line of the source that is right now. */
  reroute(): void {
    if (this.#state === 'ended') return
    this.#state = 'line'
    try {
      this.#shard = this.#router.shardOf(this.#request.place)
      this.#source = this.#choose(this.#shard)
      this.#source.pool.acquire(this)
    } catch (error) {
      this.#end(error as Error)
    }
  }

  take(connection: Connection): void {
    this.#state = 'running'
    this.#connection = connection
    const { text, values, terms } = this.#request
    connection.send(text, values, this, { asksPosition: this.#asksPosition, followUp: terms.followUp })
  }

  refuse(error: Error): void {
    this.#fail(error, false)
  }

  settled(statement: Statement, error: Error | undefined): void {
    const connection = this.#connection as Connection
    const source = this.#source as Source
    if (error) connection.noteFailure(error, this.#request.text)
    const isInDoubt = connection.hasLostSync && this.#isWrite
    connection.hasLostSync = false
    const { position } = statement
    if (position) this.#shard?.note(source, position, connection)
    source.pool.give(connection)
    if (this.#state === 'ended') return
    if (isInDoubt) this.#end(outcomeUnknown('the wait for a synchronous replica was cancelled', error))
    else if (error) this.#fail(error, statement.isSent)
    else if (this.#isOld(statement)) this.#askPrimary()
    else this.#finish(statement)
  }

  isPatient(reason: TenfoldError): boolean {
    if (!this.#isWrite) return false
    this.#end(outcomeUnknown('the database did not answer while a write was under way', reason))
    return true
  }

  get #isWrite(): boolean {
    return !this.#router.texts.isRead(this.#request.text)
  }

  #choose(shard: ShardSources): Source {
    const { terms, scope, text } = this.#request
    const isPrimarys = this.#needsPrimary || terms.from === 'primary' || (terms.from === undefined && !scope)
    if (isPrimarys || !shard.hasReplicas || !this.#router.texts.isRead(text)) return shard.primary
    return shard.sourceOfRead(terms.from, scope)
  }

  /** Without replicas nobody ever asks how far a reader has come. */
  get #asksPosition(): boolean {
    const { scope } = this.#request
    const { id, hasReplicas } = this.#shard as ShardSources
    if (!scope || !hasReplicas) return false
    if (this.#isWrite) return true
    // What a replica answers to somebody who may have seen more says nothing of what they have seen.
    return this.#source?.role === 'primary' ? scope.remembers(id) : scope.knows(id)
  }

  /** A read that was answered by a server that was no longer, or not yet, the one to ask. */
  #isOld({ asksPosition, position }: Statement): boolean {
    const source = this.#source as Source
    if (this.#isWrite) return false
    if (source.isDeposed) return true
    if (source.role === 'primary' || !asksPosition) return false
    // Asked after the read: what it had not reached then, the read cannot have held.
    return position === undefined || !position.isInRecovery || this.#lacks(position.floor)
  }

  #lacks(floor: bigint): boolean {
    const { scope, terms } = this.#request
    const needed = terms.from === 'replica' ? undefined : scope?.neededOf((this.#shard as ShardSources).id)
    return typeof needed === 'object' && floor < needed.lsn
  }

  #finish(statement: Statement): void {
    const { scope } = this.#request
    if (scope) this.#remember(scope, statement)
    this.#state = 'ended'
    this.#deadline?.clear()
    if (queryChannel.hasSubscribers) this.#publish()
    this.#resolve(statement)
  }

  #remember(scope: Scope, { asksPosition, position }: Statement): void {
    const { id } = this.#shard as ShardSources
    const source = this.#source as Source
    if (position) {
      const { timeline } = source.role === 'primary' ? (this.#connection as Connection) : source
      scope.note(id, { timeline, lsn: position.ceiling }, this.#isWrite ? 'write' : 'read')
    } else if (asksPosition || (scope.knows(id) && this.#isWrite)) scope.forget(id)
  }

  #askPrimary(): void {
    this.#needsPrimary = true
    this.reroute()
  }

  #fail(error: Error, isSent: boolean): void {
    if (this.#state === 'ended') return
    if (this.#source?.role === 'replica' && this.#isReplicasOwn(error)) {
      this.#askPrimary()
      return
    }
    const verdict = verdictOf(error, { isSent, text: this.#request.text, isSharded: this.#router.isSharded })
    if (verdict === 'final') this.#end(reported(error))
    else if (verdict === 'unknown') this.#end(outcomeUnknown('the connection broke while a write was under way', error))
    else this.#pause(error)
  }

  /** Whether the primary may answer otherwise. A statement that took too long would take as long there. */
  #isReplicasOwn(error: Error): boolean {
    const code = sqlStateOf(error)
    if (code === '25006') this.#router.texts.noteWrite(this.#request.text)
    return code === undefined ? !isTenfoldError(error) || error.code === 'timeout' : code !== '57014'
  }

  #pause(cause: Error): void {
    this.#state = 'pause'
    this.#needsPrimary = false // the primary failed as well
    this.#router.beforeNextAttempt(this.#startedAt, this.#attempt++, cause).then(
      () => this.reroute(),
      (reason) => this.#end(reason as Error),
    )
  }

  /** The deadline has passed, or the caller's signal aborted. */
  #giveUp(reason: TenfoldError): void {
    const isUnderWay = this.#state === 'running'
    if (this.#state === 'line') this.#source?.pool.leave(this)
    // What commits by itself is never cancelled: it would be reported as done, or not, by chance.
    if (isUnderWay && this.#isWrite) this.#end(outcomeUnknown('nobody waited for a write that was under way', reason))
    else {
      if (isUnderWay) this.#connection?.cancel()
      this.#end(reason)
    }
  }

  #end(error: Error): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#deadline?.clear()
    // Who looks whether it happened must see it if it did.
    if (isTenfoldError(error, 'outcome-unknown')) this.#request.scope?.forget((this.#shard as ShardSources).id)
    if (queryChannel.hasSubscribers) this.#publish(error)
    this.#reject(error)
  }

  #publish(error?: Error): void {
    const durationMs = performance.now() - this.#startedAt
    const message = { node: this.#router.node, durationMs }
    queryChannel.publish(error ? { ...message, error: error.message } : message)
  }
}
