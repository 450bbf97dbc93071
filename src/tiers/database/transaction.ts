// A transaction: one connection from BEGIN to COMMIT; begun again from its start when it met a fence before COMMIT.
//
// Before COMMIT was sent, nothing of it can have been committed, and so repeating is always safe. An error as the
// answer to COMMIT means that it was rolled back. No answer means that nobody knows.

import { openChannel } from '../../base/channels.ts'
import { TenfoldError } from '../../base/errors.ts'
import type { CallRouter, Place } from './call.ts'
import type { Connection } from './connection.ts'
import type { ConnectionPool } from './connection-pool.ts'
import type { TransactionOptions } from './contract.ts'
import { outcomeUnknown, reported, verdictOf } from './fences.ts'
import type { Statement } from './statement.ts'

const queryChannel = openChannel('tenfold:query')

export interface TransactionTerms extends TransactionOptions {
  statementMs: number
  commitMs: number
}

/** Runs `work` in a transaction; again from its start at a fence. Errors as contract.ts says. */
export async function runTransaction<T>(
  router: CallRouter,
  place: Place,
  work: (session: TransactionSession) => Promise<T>,
  terms: TransactionTerms,
): Promise<T> {
  const startedAt = performance.now()
  try {
    for (let attempt = 0; ; attempt++) {
      const outcome = await attemptTransaction(router, place, work, terms)
      if (outcome.isDone) {
        publish(router, startedAt)
        return outcome.result
      }
      await router.beforeNextAttempt(startedAt, attempt, outcome.fence)
    }
  } catch (error) {
    publish(router, startedAt, error as Error)
    throw error
  }
}

type Outcome<T> = { isDone: true; result: T } | { isDone: false; fence: Error }

async function attemptTransaction<T>(
  router: CallRouter,
  place: Place,
  work: (session: TransactionSession) => Promise<T>,
  terms: TransactionTerms,
): Promise<Outcome<T>> {
  let session: TransactionSession
  try {
    session = await openSession(router, place, terms)
  } catch (error) {
    if (verdictOf(error as Error, { isSent: false, text: '', isSharded: router.isSharded }) !== 'again')
      throw reported(error as Error)
    return { isDone: false, fence: error as Error }
  }
  try {
    await session.control(begin(terms))
    const result = await work(session)
    if (session.fence) return { isDone: false, fence: session.fence }
    return (await session.commit()) ?? { isDone: true, result }
  } catch (error) {
    if (session.fence && !session.isCommitting) return { isDone: false, fence: session.fence }
    throw reported(error as Error)
  } finally {
    await session.close()
  }
}

function begin({ isolation }: TransactionOptions): string {
  return isolation ? `BEGIN ISOLATION LEVEL ${isolation.toUpperCase()}` : 'BEGIN'
}

function openSession(router: CallRouter, place: Place, terms: TransactionTerms): Promise<TransactionSession> {
  return new Promise((resolve, reject) => {
    router.poolOf(place).acquire({
      since: 0,
      take: (connection, pool) => resolve(new TransactionSession(connection, pool, router, terms)),
      refuse: reject,
    })
  })
}

/** One attempt: a connection that runs this transaction's statements and nobody else's. */
export class TransactionSession {
  /** The first error that says: not here, not now; begin again. */
  fence: Error | undefined
  /** COMMIT has been sent: from now on a lost answer is an unknown outcome. */
  isCommitting = false
  readonly #connection: Connection
  readonly #pool: ConnectionPool
  readonly #router: CallRouter
  readonly #terms: TransactionTerms
  #firstError: Error | undefined
  #isBegun = false
  #isClosed = false

  constructor(connection: Connection, pool: ConnectionPool, router: CallRouter, terms: TransactionTerms) {
    this.#connection = connection
    this.#pool = pool
    this.#router = router
    this.#terms = terms
  }

  query(text: string, values: readonly unknown[]): Promise<Statement> {
    if (this.#isClosed || this.isCommitting)
      return Promise.reject(
        new TenfoldError('closed', 'the transaction has ended; its `tx` is of no use outside of `work`'),
      )
    return new Promise((resolve, reject) => {
      const settled = (statement: Statement, error: Error | undefined) => {
        if (!error) return resolve(statement)
        this.#note(error, text, statement.isSent)
        reject(reported(error))
      }
      this.#connection.send(text, values, { settled })
    })
  }

  /** BEGIN or ROLLBACK. */
  async control(text: string): Promise<void> {
    await this.#control(text, this.#terms.statementMs)
    this.#isBegun = text.startsWith('BEGIN')
  }

  /** Commits; answers the fence when it certainly did not happen and may be tried again. */
  async commit(): Promise<{ isDone: false; fence: Error } | undefined> {
    this.isCommitting = true
    const connection = this.#connection
    const { statement, error } = await this.#sendControl('COMMIT', this.#terms.commitMs)
    this.#isBegun = false
    if (connection.hasLostSync) {
      connection.isUsable = false
      throw outcomeUnknown('the wait of COMMIT for a synchronous replica was cancelled', error)
    }
    if (!error) {
      if (statement.tag === 'COMMIT') return undefined
      throw this.#firstError ?? new TenfoldError('conflict', 'the transaction was rolled back before its COMMIT')
    }
    const attempt = { isSent: statement.isSent, text: 'COMMIT', isSharded: this.#router.isSharded }
    const verdict = verdictOf(error, attempt)
    if (verdict === 'unknown') throw outcomeUnknown('the connection broke while COMMIT was under way', error)
    if (verdict === 'final') throw error
    return { isDone: false, fence: error }
  }

  /** Gives the connection back, rolled back if need be. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#isBegun && this.#connection.isUsable)
      await this.control('ROLLBACK').catch(() => {
        this.#connection.isUsable = false
      })
    this.#connection.hasLostSync = false
    this.#pool.give(this.#connection)
  }

  async #control(text: string, limitMs: number): Promise<void> {
    const { error } = await this.#sendControl(text, limitMs)
    if (error) throw error
  }

  #sendControl(text: string, limitMs: number): Promise<{ statement: Statement; error: Error | undefined }> {
    return new Promise((resolve) => {
      const settled = (statement: Statement, error: Error | undefined) => {
        if (error) this.#note(error, text, statement.isSent)
        resolve({ statement, error })
      }
      this.#connection.sendControl(text, { settled }, limitMs)
    })
  }

  // Inside of a transaction a broken connection is no doubt but a fence: nothing was committed yet.
  #note(error: Error, text: string, isSent: boolean): void {
    this.#connection.noteFailure(error, text)
    this.#firstError ??= error
    const verdict = verdictOf(error, { isSent, text, isSharded: this.#router.isSharded })
    if (verdict !== 'final') this.fence ??= error
  }
}

function publish(router: CallRouter, startedAt: number, error?: Error): void {
  if (!queryChannel.hasSubscribers) return
  const message = { node: router.node, durationMs: performance.now() - startedAt }
  queryChannel.publish(error ? { ...message, error: error.message } : message)
}
