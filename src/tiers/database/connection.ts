// One connection to one PostgreSQL: node-postgres's Client under it, our statements, our bounded book of prepared ones.

import pg from 'pg'
import { TenfoldError } from '../../base/errors.ts'
import { sendCancelRequest } from './cancel-request.ts'
import { askPosition, PositionAnswer, type PositionReport, parseAndAskPosition } from './causality/position-query.ts'
import type { FollowUp } from './contract.ts'
import { isFence, sqlStateOf } from './fences.ts'
import { PreparedBook } from './prepared-book.ts'
import { checkRole, type Expectation, type Role, roleSql } from './role-check.ts'
import { Statement, type StatementOwner, type Wire } from './statement.ts'

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
  /** What the map says of the server; asked at every connect. */
  expected: Expectation
}

interface SendOptions {
  asksPosition?: boolean
  followUp?: FollowUp | undefined
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
  /** See Source.generation. */
  generation: number
  /** The timeline that the server was on at connect; of a primary, which keeps it as long as it runs. */
  timeline: number
  /** The server is on a newer timeline than the map said. */
  isMapOld = false
  /** Resolves when a cancel request that was sent for it can hit nothing any more. */
  cancelling: Promise<void> | undefined
  #settings: ConnectionSettings
  #onDead: (connection: Connection) => void
  readonly #client: pg.Client
  readonly #prepared: PreparedBook
  readonly #silentAfterMs: number
  /** Statements of one transaction that were sent at once; rare, so made when needed. */
  #line: Statement[] | undefined
  #isBusy = false
  #current: Statement | undefined
  /** The caller of what is under way was told that its outcome is unknown. */
  #isOverdue = false
  /** The question for the position is prepared. */
  #hasPositionQuery = false

  constructor(settings: ConnectionSettings, silenceMs: number, onDead: (connection: Connection) => void) {
    this.#settings = settings
    this.#onDead = onDead
    this.generation = settings.expected.generation
    this.timeline = settings.expected.timeline
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
      this.#onDead(this)
    }
    this.#client.on('error', die)
    this.#client.on('end', die)
    this.#client.on('notice', (notice) => {
      if (notice.routine === 'SyncRepWaitForLSN') this.hasLostSync = true
    })
  }

  /** @throws WrongRole when the server is not what the map takes it for; else what node-postgres throws. */
  async connect(): Promise<void> {
    await this.#client.connect()
    // A server that is being fenced may greet and say goodbye in one breath.
    if (!this.isUsable) throw new Error('the connection ended as soon as it was made')
    await this.#checkRole()
  }

  /**
   * Its server has another role by now, and another pool: checks that it has. What it prepared stays, and a session that
   * began on a replica writes once the replica is promoted. Nothing may be under way. @throws as `connect` does.
   */
  async moveTo(settings: ConnectionSettings, onDead: (connection: Connection) => void): Promise<void> {
    this.#settings = settings
    this.#onDead = onDead
    this.generation = settings.expected.generation
    await this.#checkRole()
  }

  async #checkRole(): Promise<void> {
    const { address, port, connectMs, expected } = this.#settings
    const timer = setTimeout(() => this.destroy(connectionSilent(`${address}:${port}`)), connectMs)
    try {
      const role = await this.#askRole(connectMs)
      this.isMapOld = checkRole(`${address}:${port}`, role, expected).isMapOld
      this.timeline = role.timeline ?? expected.timeline
    } finally {
      clearTimeout(timer)
    }
  }

  #askRole(limitMs: number): Promise<Role> {
    return new Promise((resolve, reject) => {
      const settled = ({ rows: [row] }: Statement, error: Error | undefined) => {
        if (error) return reject(error)
        const timeline = row?.['timeline']
        resolve({
          isInRecovery: row?.['recovering'] === true,
          timeline: typeof timeline === 'number' ? timeline : undefined,
        })
      }
      this.sendControl(roleSql, { settled }, limitMs)
    })
  }

  /**
   * Sends one statement; its owner hears the result. Statements sent at once run one after the other.
   * With `asksPosition` the statement comes back with where the server stood after it.
   */
  send(
    text: string,
    values: readonly unknown[],
    owner: StatementOwner,
    { asksPosition = false, followUp }: SendOptions = {},
  ): void {
    const statement = new Statement(text, values, owner, this, this.#silentAfterMs)
    statement.asksPosition = asksPosition
    statement.prepared = this.#prepared.find(text)
    if (followUp) {
      const settled = (ended: Statement, error?: Error) => error && this.noteFailure(error, ended.text)
      statement.followUp = new Statement(followUp.text, followUp.values, { settled }, this, this.#silentAfterMs)
      statement.followUp.prepared = this.#prepared.find(followUp.text)
    }
    if (this.#prepared.hasDropped) statement.toClose = this.#prepared.takeDropped()
    this.#submit(statement)
  }

  /** The answer to a statement whose bytes are on their way comes next. */
  expect(statement: Statement): void {
    this.#client.query(statement as unknown as pg.Submittable)
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

  /** Where the server stands, asked by itself while nothing is under way. */
  askPosition(): Promise<PositionReport | undefined> {
    return new Promise((resolve, reject) => {
      this.#wire.stream.write(this.positionRequest())
      this.expectPosition((report, error) => (error ? reject(error) : resolve(report)))
    })
  }

  /**
   * One Sync spares a replica a transaction, and both sides an answer. Nothing commits there; on a primary the commit
   * happens at Sync, also that of a SELECT whose function writes, and what is asked before it is too little.
   */
  get asksBeforeSync(): boolean {
    return this.#hasPositionQuery && this.#settings.expected.role === 'replica'
  }

  /** The bytes that ask for the position; once they are written, its answer is expected. */
  positionRequest(): Uint8Array {
    return this.#hasPositionQuery ? askPosition : parseAndAskPosition
  }

  /** `done` hears once. */
  expectPosition(done: (report: PositionReport | undefined, error: Error | undefined) => void): void {
    const answer = new PositionAnswer(({ report }, error) => {
      const code = error && sqlStateOf(error)
      // Prepared already, by a question that then failed; or gone, by DISCARD ALL.
      if (error === undefined || code === '42P05') this.#hasPositionQuery = true
      else if (code === '26000') this.#hasPositionQuery = false
      done(report, error)
    })
    this.#client.query(answer as unknown as pg.Submittable)
  }

  /** Asks the server to end what is under way, which the owner hears as an error 57014. May be called twice. */
  cancel(): void {
    const { address, port, connectMs } = this.#settings
    const { processID, secretKey } = this.#client as unknown as { processID: number; secretKey: number }
    const sent = sendCancelRequest({ address, port, processId: processID, secretKey }, connectMs)
    this.cancelling ??= sent.then((isSent) => {
      this.cancelling = undefined
      // It may arrive at any time from now on.
      if (!isSent) this.isUsable = false
    })
  }

  get #wire() {
    return (this.#client as unknown as { connection: { stream: Wire['stream'] & { destroy(error: Error): void } } })
      .connection
  }

  /** A statement has ended: the next one in line goes out. Nobody waits for a follow-up. */
  next(ended: Statement): void {
    if (ended !== this.#current) return
    this.deadline = 0
    this.#isOverdue = false
    this.#isBusy = false
    this.#current = undefined
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
    this.#current = statement
    this.deadline = performance.now() + statement.limitMs
    this.#client.query(statement as unknown as pg.Submittable)
  }

  /** Learns from a failed statement: whether the connection is of further use, and its prepared form. */
  noteFailure(error: Error, text: string): void {
    const code = sqlStateOf(error)
    if (code === undefined || isFence(code)) this.isUsable = false
    if (code === '0A000' || code === '26000') this.#prepared.drop(text)
  }

  /** The deadline has passed. `overdueMs`: how much longer a write may wait; 0 when the server answers nobody. */
  expire(overdueMs: number): void {
    const { address, port } = this.#settings
    const reason = connectionSilent(`${address}:${port}`)
    const waits = overdueMs > 0 && !this.#isOverdue && this.#current?.owner.isPatient?.(reason)
    if (waits) {
      this.#isOverdue = true
      this.deadline += overdueMs
    } else this.destroy(reason)
  }

  /** Says goodbye when nothing is under way. */
  end(): void {
    this.isUsable = false
    void this.#client.end().catch(() => {})
  }

  /** Cuts the connection; what is under way fails with `reason`. */
  destroy(reason: TenfoldError): void {
    this.isUsable = false
    this.#wire.stream.destroy(reason)
  }
}

function connectionSilent(address: string): TenfoldError {
  return new TenfoldError('timeout', `the database at ${address} stopped answering`)
}
