// One connection to one PostgreSQL: node-postgres's Client under it, our statements, our bounded book of prepared ones.

import pg from 'pg'
import { TenfoldError } from '../../base/errors.ts'
import { isFence, sqlStateOf } from './fences.ts'
import { PreparedBook } from './prepared-book.ts'
import { Statement, type StatementOwner } from './statement.ts'

export interface ConnectionSettings {
  address: string
  port: number
  user: string
  password: string
  database: string
  connectMs: number
  statementMs: number
  idleInTransactionMs: number
  preparedMax: number
  applicationName: string
}

export class Connection {
  /** False once it broke or met a fence: it goes to no one else. */
  isUsable = true
  /** PostgreSQL gave up waiting for a synchronous replica: what it then reports as done may be lost with the primary. */
  hasLostSync = false
  /** Monotonic time at which what is under way counts as dead; 0 when nothing is. */
  deadline = 0
  /** Monotonic time at which it was given back. */
  idleSince = 0
  readonly #client: pg.Client
  readonly #prepared: PreparedBook
  readonly #silentAfterMs: number
  /** Statements of one transaction that were sent at once; rare, so made when needed. */
  #line: Statement[] | undefined
  #isBusy = false

  constructor(settings: ConnectionSettings, silenceMs: number, onDead: (connection: Connection) => void) {
    this.#silentAfterMs = settings.statementMs + silenceMs
    this.#prepared = new PreparedBook(settings.preparedMax)
    this.#client = new pg.Client({
      host: settings.address,
      port: settings.port,
      user: settings.user,
      password: settings.password,
      database: settings.database,
      application_name: settings.applicationName,
      connectionTimeoutMillis: settings.connectMs,
      statement_timeout: settings.statementMs,
      idle_in_transaction_session_timeout: settings.idleInTransactionMs,
      options: '-c search_path=public',
      keepAlive: true,
    })
    const die = () => {
      this.isUsable = false
      onDead(this)
    }
    this.#client.on('error', die)
    this.#client.on('end', die)
    this.#client.on('notice', (notice) => {
      if (notice.routine === 'SyncRepWaitForLSN') this.hasLostSync = true
    })
  }

  async connect(): Promise<void> {
    await this.#client.connect()
  }

  /** Sends one statement; its owner hears the result. Statements sent at once run one after the other. */
  send(text: string, values: readonly unknown[], owner: StatementOwner, limitMs = this.#silentAfterMs): void {
    const statement = new Statement(text, values, owner, this, limitMs)
    statement.prepared = this.#prepared.find(text)
    if (this.#prepared.hasDropped) statement.toClose = this.#prepared.takeDropped()
    this.#submit(statement)
  }

  /**
   * Sends BEGIN, COMMIT or the like in the simple protocol, where nothing can come between the commit and its
   * answer: an error as the answer to COMMIT then means that it did not happen.
   */
  sendControl(text: string, owner: StatementOwner, limitMs: number): void {
    const statement = new Statement(text, [], owner, this, limitMs)
    statement.isSimple = true
    this.#submit(statement)
  }

  /** The statement under way has ended: the next one in line goes out. */
  next(): void {
    this.deadline = 0
    this.#isBusy = false
    const statement = this.#line?.shift()
    if (statement) this.#submit(statement)
  }

  #submit(statement: Statement): void {
    if (this.#isBusy) {
      this.#line ??= []
      this.#line.push(statement)
      return
    }
    this.#isBusy = true
    this.deadline = performance.now() + statement.limitMs
    this.#client.query(statement as unknown as pg.Submittable)
  }

  /** Learns from a failed statement: whether the connection is of further use, and its prepared form. */
  noteFailure(error: Error, text: string): void {
    const code = sqlStateOf(error)
    if (code === undefined || isFence(code)) this.isUsable = false
    if (code === '0A000' || code === '26000') this.#prepared.drop(text)
  }

  /** Says goodbye when nothing is under way. */
  end(): void {
    this.isUsable = false
    void this.#client.end().catch(() => {})
  }

  /** Cuts the connection; what is under way fails with `reason`. */
  destroy(reason: TenfoldError): void {
    this.isUsable = false
    const { stream } = (this.#client as unknown as { connection: { stream: { destroy(error: Error): void } } })
      .connection
    stream.destroy(reason)
  }
}

export function connectionSilent(address: string): TenfoldError {
  return new TenfoldError('timeout', `the database at ${address} stopped answering`)
}
