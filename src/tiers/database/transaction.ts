// A transaction: one connection from BEGIN to COMMIT; begun again from its start when it met a fence before COMMIT.
//
// Before COMMIT was sent, nothing of it can have been committed, and so repeating is always safe. An error as the
// answer to COMMIT means that it was rolled back. No answer means that nobody knows.

import { openChannel } from '../../base/channels.ts'
import { isTenfoldError, type TenfoldError } from '../../base/errors.ts'
import type { CallRouter, Place } from './call.ts'
import type { Scope } from './causality/scope.ts'
import type { TransactionOptions } from './contract.ts'
import { Deadline } from './deadline.ts'
import { reported, verdictOf } from './fences.ts'
import type { ShardSources } from './sources/shard-sources.ts'
import type { Source } from './sources/source.ts'
import type { Terms } from './terms.ts'
import { type SessionTerms, TransactionSession } from './transaction-session.ts'

const queryChannel = openChannel('tenfold:query')

export type TransactionTerms = TransactionOptions & Terms & SessionTerms

type Work<T> = (session: TransactionSession) => Promise<T>

/** Runs `work` in a transaction; again from its start at a fence. Errors as contract.ts says. */
export async function runTransaction<T>(
  router: CallRouter,
  place: Place,
  work: Work<T>,
  terms: TransactionTerms,
  scope: Scope | undefined,
): Promise<T> {
  const run = new TransactionRun(router, place, work, terms, scope)
  const startedAt = performance.now()
  try {
    const result = await run.toEnd(startedAt)
    publish(router, startedAt)
    return result
  } catch (error) {
    publish(router, startedAt, error as Error)
    throw error
  }
}

/** isReplicas: a replica failed, which says nothing of the primary. */
type Outcome<T> = { isDone: true; result: T } | { isDone: false; fence: Error; isReplicas?: boolean }

class TransactionRun<T> {
  readonly #router: CallRouter
  readonly #place: Place
  readonly #work: Work<T>
  readonly #terms: TransactionTerms
  readonly #scope: Scope | undefined
  #needsPrimary = false
  #giveUp: (reason: TenfoldError) => void = () => {}

  constructor(router: CallRouter, place: Place, work: Work<T>, terms: TransactionTerms, scope: Scope | undefined) {
    this.#router = router
    this.#place = place
    this.#work = work
    this.#terms = terms
    this.#scope = scope
  }

  async toEnd(startedAt: number): Promise<T> {
    let late: TenfoldError | undefined
    const deadline = Deadline.of(this.#terms, (reason) => {
      late = reason
      this.#giveUp(reason)
    })
    try {
      for (let attempt = 0; ; attempt++) {
        const outcome = await this.#attempt()
        if (outcome.isDone) return outcome.result
        if (late) throw late
        if (outcome.isReplicas) continue
        this.#needsPrimary = false
        const pause = this.#router.beforeNextAttempt(startedAt, attempt, outcome.fence)
        await (deadline ? this.#unlessGivenUp(pause) : pause)
      }
    } finally {
      deadline?.clear()
    }
  }

  async #attempt(): Promise<Outcome<T>> {
    const shard = this.#router.shardOf(this.#place)
    const source = this.#choose(shard)
    let session: TransactionSession
    try {
      session = await this.#openSession(source)
    } catch (error) {
      if (source.role === 'replica' && !isTenfoldError(error)) return this.#askPrimary(error as Error)
      if (verdictOf(error as Error, { isSent: false, text: '', isSharded: this.#router.isSharded }) !== 'again')
        throw reported(error as Error)
      return { isDone: false, fence: error as Error }
    }
    this.#giveUp = (reason) => session.giveUp(reason)
    try {
      await session.begin(beginOf(this.#terms))
      const result = await session.race(this.#work(session))
      if (session.fence) return this.#refused(source, session.fence)
      // The primary moved meanwhile: what was read here may be old, and what was written cannot be kept here.
      if (source.isDeposed) return { isDone: false, fence: new Error(`${source.node} is no longer the one to ask`) }
      const fence = await session.commit(this.#asksPosition(shard, source))
      if (fence) return this.#refused(source, fence)
      if (this.#isBehind(shard, source, session)) return this.#askPrimary(new Error(`${source.node} is behind`))
      this.#remember(shard, source, session)
      for (const tell of session.onCommitted) tell()
      return { isDone: true, result }
    } catch (error) {
      if (session.fence && !session.isCommitting) return this.#refused(source, session.fence)
      if (isTenfoldError(error, 'outcome-unknown')) this.#scope?.forget(shard.id)
      throw reported(error as Error)
    } finally {
      this.#giveUp = () => {}
      await session.close()
    }
  }

  #choose(shard: ShardSources): Source {
    const { readOnly, from, isolation } = this.#terms
    // A replica cannot run serializable transactions at all.
    const isPrimarys = !readOnly || this.#needsPrimary || from === 'primary' || isolation === 'serializable'
    if (isPrimarys || (from === undefined && !this.#scope)) return shard.primary
    return shard.sourceOfRead(from, this.#scope)
  }

  /** As for a single statement; see Call. */
  #asksPosition(shard: ShardSources, source: Source): boolean {
    const scope = this.#scope
    if (!scope || !shard.hasReplicas) return false
    if (!this.#terms.readOnly) return true
    return source.role === 'primary' ? scope.remembers(shard.id) : scope.knows(shard.id)
  }

  #openSession(source: Source): Promise<TransactionSession> {
    return new Promise((resolve, reject) => {
      const waiter = {
        since: 0,
        take: (connection: Parameters<(typeof source.pool)['give']>[0]) =>
          resolve(new TransactionSession(connection, source, this.#router, this.#terms)),
        refuse: reject,
        reroute: () => reject(new Error(`${source.node} is no longer the one to ask`)),
      }
      this.#giveUp = (reason) => {
        source.pool.leave(waiter)
        reject(reason)
      }
      source.pool.acquire(waiter)
    })
  }

  #unlessGivenUp(pause: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject
      pause.then(resolve, reject)
    })
  }

  #refused(source: Source, fence: Error): Outcome<T> {
    return source.role === 'replica' ? this.#askPrimary(fence) : { isDone: false, fence }
  }

  #askPrimary(fence: Error): Outcome<T> {
    this.#needsPrimary = true
    return { isDone: false, fence, isReplicas: true }
  }

  /** A replica started anew, and further back, while it was asked. */
  #isBehind(shard: ShardSources, source: Source, { position }: TransactionSession): boolean {
    const needed = this.#terms.from === 'replica' ? undefined : this.#scope?.neededOf(shard.id)
    if (source.role === 'primary' || typeof needed !== 'object') return false
    return position === undefined || !position.isInRecovery || position.floor < needed.lsn
  }

  #remember(shard: ShardSources, source: Source, session: TransactionSession): void {
    const { position, connection } = session
    const scope = this.#scope
    if (position) shard.note(source, position, connection)
    if (!scope) return
    const by = this.#terms.readOnly ? 'read' : 'write'
    const { timeline } = source.role === 'primary' ? connection : source
    if (position) scope.note(shard.id, { timeline, lsn: position.ceiling }, by)
    else if (this.#asksPosition(shard, source) || (by === 'write' && scope.knows(shard.id))) scope.forget(shard.id)
  }
}

function beginOf({ isolation, readOnly }: TransactionOptions): string {
  const level = isolation ? ` ISOLATION LEVEL ${isolation.toUpperCase()}` : ''
  return `BEGIN${level}${readOnly ? ' READ ONLY' : ''}`
}

function publish(router: CallRouter, startedAt: number, error?: Error): void {
  if (!queryChannel.hasSubscribers) return
  const message = { node: router.node, durationMs: performance.now() - startedAt }
  queryChannel.publish(error ? { ...message, error: error.message } : message)
}
