// One attempt of a transaction: a connection that runs this transaction's statements and nobody else's.
//
// begun -> committing -> closed, or begun -> closed. Who gives it up hears at once; the connection stays ours until the
// server has answered what is under way.

import { TenfoldError } from '../../base/errors.ts'
import type { CallRouter } from './call.ts'
import { type PositionReport, positionOf, positionSql } from './causality/position-query.ts'
import type { Connection } from './connection.ts'
import { outcomeUnknown, reported, sqlStateOf, verdictOf } from './fences.ts'
import type { Source } from './sources/source.ts'
import type { Statement } from './statement.ts'

export interface SessionTerms {
  statementMs: number
  commitMs: number
  readOnly?: boolean
}

type Answer = { statement: Statement; error: Error | undefined }

export class TransactionSession {
  readonly connection: Connection
  /** The first error that says: not here, not now; begin again. */
  fence: Error | undefined
  /** COMMIT has been sent: from now on a lost answer is an unknown outcome. */
  isCommitting = false
  /** Where the server stood after the commit, if that was asked. */
  position: PositionReport | undefined
  /** Called once it has committed (CommitNotice). */
  readonly onCommitted: Array<() => void> = []
  readonly #source: Source
  readonly #router: CallRouter
  readonly #terms: SessionTerms
  #firstError: Error | undefined
  #isBegun = false
  #isClosed = false
  /** Statements whose answer is not there yet. */
  #underWay = 0
  #commit: Promise<Answer> | undefined
  #isGivenUp = false
  readonly #givenUp: Promise<never>
  #rejectGivenUp: (reason: Error) => void = () => {}

  constructor(connection: Connection, source: Source, router: CallRouter, terms: SessionTerms) {
    this.connection = connection
    this.#source = source
    this.#router = router
    this.#terms = terms
    this.#givenUp = new Promise((_, reject) => {
      this.#rejectGivenUp = reject
    })
    this.#givenUp.catch(() => {}) // nobody may be there to hear it
  }

  query(text: string, values: readonly unknown[]): Promise<Statement> {
    if (this.#isClosed || this.isCommitting || this.#isGivenUp)
      return Promise.reject(
        new TenfoldError('closed', 'the transaction has ended; its `tx` is of no use outside of `work`'),
      )
    return new Promise((resolve, reject) => {
      this.#underWay++
      const settled = (statement: Statement, error: Error | undefined) => {
        this.#underWay--
        if (!error) return resolve(statement)
        this.#note(error, text, statement.isSent)
        reject(reported(error))
      }
      this.connection.send(text, values, { settled })
    })
  }

  async begin(text: string): Promise<void> {
    await this.#control(text)
    this.#isBegun = true
  }

  /** Settles as `work` does, or rejects when the session is given up. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#givenUp])
  }

  /** Nobody waits any more. What is under way is cancelled, a COMMIT never: its outcome is then unknown. */
  giveUp(reason: TenfoldError): void {
    this.#isGivenUp = true
    if (!this.isCommitting && this.#underWay > 0) this.connection.cancel()
    this.#rejectGivenUp(this.isCommitting ? outcomeUnknown('nobody waited for the answer to COMMIT', reason) : reason)
  }

  /** Commits; answers the fence when it certainly did not happen and may be tried again. */
  async commit(asksPosition: boolean): Promise<Error | undefined> {
    this.isCommitting = true
    this.#commit = this.#sendCommit(asksPosition)
    const { statement, error } = await this.race(this.#commit)
    if (this.connection.hasLostSync) {
      this.connection.isUsable = false
      throw outcomeUnknown('the wait of COMMIT for a synchronous replica was cancelled', error)
    }
    // What came after its own answer, the question for the position, cannot undo it.
    if (statement.tag === 'COMMIT') {
      const [row] = statement.rows as Array<{ recovering: boolean; reached: string; received: string }>
      if (!error && row) this.position = positionOf(row.recovering, row.reached, row.received)
      return undefined
    }
    if (!error)
      throw this.#firstError ?? new TenfoldError('conflict', 'the transaction was rolled back before its COMMIT')
    const attempt = { isSent: statement.isSent, text: 'COMMIT', isSharded: this.#router.isSharded }
    const verdict = verdictOf(error, attempt)
    if (verdict === 'unknown') throw outcomeUnknown('the connection broke while COMMIT was under way', error)
    if (verdict === 'final') throw error
    return error
  }

  /** Gives the connection back, rolled back if need be. Who gave up does not wait for that. */
  async close(): Promise<void> {
    this.#isClosed = true
    const end = this.#end()
    if (!this.#isGivenUp) await end
  }

  async #end(): Promise<void> {
    const { connection } = this
    if (this.#commit) await this.#commit
    // A cancel request that is late would hit the ROLLBACK.
    await connection.cancelling
    if (this.#isBegun && connection.isUsable)
      await this.#control('ROLLBACK').catch(() => {
        connection.isUsable = false
      })
    connection.hasLostSync = false
    this.#source.pool.give(connection)
  }

  async #control(text: string): Promise<void> {
    const { error } = await this.#sendControl(text, this.#terms.statementMs)
    if (error) throw error
  }

  async #sendCommit(asksPosition: boolean): Promise<Answer> {
    const text = asksPosition ? `COMMIT; ${positionSql}` : 'COMMIT'
    const answer = await this.#sendControl(text, this.#terms.commitMs)
    this.#isBegun = false
    return answer
  }

  #sendControl(text: string, limitMs: number): Promise<Answer> {
    return new Promise((resolve) => {
      const settled = (statement: Statement, error: Error | undefined) => {
        if (error) this.#note(error, text, statement.isSent)
        resolve({ statement, error })
      }
      const isPatient = (reason: TenfoldError) => {
        if (this.isCommitting) this.giveUp(reason)
        return this.isCommitting
      }
      this.connection.sendControl(text, { settled, isPatient }, limitMs)
    })
  }

  // Inside of a transaction a broken connection is no doubt but a fence: nothing was committed yet.
  #note(error: Error, text: string, isSent: boolean): void {
    this.#firstError ??= error
    const code = sqlStateOf(error)
    // The app's own mistake, not a primary that is none.
    if (code === '25006' && this.#terms.readOnly && this.#source.role === 'primary') return
    this.connection.noteFailure(error, text)
    // Whatever a replica refuses, the primary may do; what takes too long would take as long there.
    const isReplicas = this.#source.role === 'replica' && code !== '57014'
    if (isReplicas || verdictOf(error, { isSent, text, isSharded: this.#router.isSharded }) !== 'final')
      this.fence ??= error
  }
}
