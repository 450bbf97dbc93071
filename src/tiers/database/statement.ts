// One statement on the wire, in the extended protocol: what node-postgres's Client asks of a query, without the
// event emitter, the promise and the repeated Describe of its own Query class.
//
// A statement counts as done only at ReadyForQuery: in the extended protocol an autocommitted statement commits at
// Sync, when its rows and its CommandComplete may already have arrived.

import pg from 'pg'
import { TenfoldError } from '../../base/errors.ts'
import { askPosition, type PositionReport, positionOfRow } from './causality/position-query.ts'

export type Row = Record<string, unknown>

/** How the rows of one statement are read. Kept beside the prepared statement, whose shape cannot change. */
export interface RowShape {
  names: readonly string[]
  /** Type of each column, an OID of pg_type. */
  types: readonly number[]
  parsers: ReadonlyArray<(text: string) => unknown>
  /** Every column, null: copied for each row, so that all rows share one hidden class. */
  blank: Readonly<Row>
}

/** A prepared statement of one connection. */
export interface Prepared {
  readonly name: string
  isParsed: boolean
  /** Its first run failed, and so whether the server keeps it is unknown: never used again. */
  isDoubtful: boolean
  shape: RowShape | undefined
}

/** The part of node-postgres's Connection that a statement writes to. */
export interface Wire {
  stream: { cork(): void; uncork(): void; write(bytes: Uint8Array): boolean }
  query(text: string): void
  parse(message: { name: string; text: string }): void
  bind(message: { statement: string; values: readonly unknown[] }): void
  sendCopyFail(reason: string): void
}

/** Whoever sent a statement hears of its end, once. */
export interface StatementOwner {
  settled(statement: Statement, error: Error | undefined): void
  /**
   * The answer is long due and the server still answers others. Whoever hears it may tell its caller that the outcome
   * is unknown, and answers whether to wait on.
   */
  isPatient?(reason: TenfoldError): boolean
}

/** The connection that it runs on, which may have others in line. */
interface Line {
  next(ended: Statement): void
  /** The question for the position may go before the Sync of a statement, into its transaction. */
  readonly asksBeforeSync: boolean
  positionRequest(): Uint8Array
  expectPosition(done: (report: PositionReport | undefined) => void): void
  expect(statement: Statement): void
}

// The bytes never change: Describe portal '', Execute portal '' without a row limit, Sync.
const execute = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0])
const executeAndSync = Buffer.concat([execute, Buffer.from([0x53, 0, 0, 0, 4])])
const executeAndAskPosition = Buffer.concat([execute, askPosition])
const describeExecuteAndSync = Buffer.concat([Buffer.from([0x44, 0, 0, 0, 6, 0x50, 0]), executeAndSync])
const noShape: RowShape = { names: [], types: [], parsers: [], blank: {} }
const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils
const toWire = (value: unknown) => (typeof value === 'string' ? value : prepareValue(value))

export class Statement {
  readonly text: string
  readonly values: readonly unknown[]
  /** node-postgres keeps a book of named statements without a limit; ours has one, so it is told no names. */
  readonly name = ''
  readonly rows: Row[] = []
  shape = noShape
  /** The command tag: `INSERT 0 1`, `COMMIT`; of several commands, the first one's. */
  tag = ''
  /** From here on the server may have run it. */
  isSent = false
  /** Goes by the simple protocol, without values. */
  isSimple = false
  /** Asks where the server stands after it, in the same flight. */
  asksPosition = false
  position: PositionReport | undefined
  /** Goes in the same flight, behind it. */
  followUp: Statement | undefined
  prepared: Prepared | undefined
  /** Names of prepared statements that lost their place. */
  toClose: string[] | undefined
  /** How long it may take; its connection counts as dead then. */
  readonly limitMs: number
  readonly owner: StatementOwner
  readonly #line: Line
  #failure: Error | undefined
  #hasEnded = false
  #asksBeforeSync = false
  /** Its own answer is complete, but for Sync's; the row that follows says the position. */
  #isPositionNext = false

  constructor(text: string, values: readonly unknown[], owner: StatementOwner, line: Line, limitMs: number) {
    this.text = text
    this.values = values
    this.limitMs = limitMs
    this.owner = owner
    this.#line = line
  }

  /** Rows that the command changed or gave: the last number of its tag. */
  get count(): number {
    return Number(this.tag.slice(this.tag.lastIndexOf(' ') + 1)) || 0
  }

  submit(connection: unknown): Error | null {
    if (this.isSent) return null // as a follow-up, in the flight of another one
    const wire = connection as Wire
    if (this.isSimple) {
      this.isSent = true
      wire.query(this.text)
      return null
    }
    const prepared = this.prepared
    let values = this.values
    try {
      if (values.length > 0) values = values.map(toWire)
    } catch (cause) {
      return new TenfoldError('bad-input', `a value of the statement cannot be sent: ${(cause as Error).message}`, {
        cause,
      })
    }
    this.isSent = true
    wire.stream.cork()
    if (this.toClose) for (const name of this.toClose) wire.stream.write(closeStatement(name))
    if (!prepared?.isParsed) wire.parse({ name: prepared?.name ?? '', text: this.text })
    wire.bind({ statement: prepared?.name ?? '', values })
    if (prepared?.shape) {
      this.shape = prepared.shape
      this.#asksBeforeSync = this.asksPosition && this.#line.asksBeforeSync
      wire.stream.write(this.#asksBeforeSync ? executeAndAskPosition : executeAndSync)
    } else wire.stream.write(describeExecuteAndSync)
    if (this.asksPosition && !this.#asksBeforeSync) wire.stream.write(this.#line.positionRequest())
    this.followUp?.submit(connection)
    wire.stream.uncork()
    return null
  }

  handleRowDescription(message: { fields: Array<{ name: string; dataTypeID: number }> }): void {
    this.shape = shapeOf(message.fields)
    if (this.prepared) this.prepared.shape = this.shape
  }

  handleDataRow(message: { fields: Array<string | null> }): void {
    if (this.#isPositionNext) {
      this.position = positionOfRow(message.fields)
      return
    }
    if (this.#failure) return
    const { names, parsers, blank } = this.shape
    const row: Row = { ...blank }
    const { fields } = message
    try {
      for (let i = 0; i < fields.length; i++) {
        const text = fields[i]
        if (text !== null && text !== undefined) row[names[i] as string] = (parsers[i] as (t: string) => unknown)(text)
      }
      this.rows.push(row)
    } catch (error) {
      this.#failure = error as Error
    }
  }

  handleCommandComplete(message: { text: string }): void {
    if (this.tag === '') this.tag = message.text
    this.#isPositionNext = this.#asksBeforeSync
    if (!this.prepared) return
    this.prepared.isParsed = true
    this.prepared.shape ??= noShape // a statement without rows
  }

  handleReadyForQuery(): void {
    this.#end(this.#failure)
  }

  handleError(error: Error): void {
    if (this.prepared && !this.prepared.isParsed) this.prepared.isDoubtful = true
    this.#end(error)
  }

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  handleCopyInResponse(connection: Wire): void {
    connection.sendCopyFail('COPY FROM STDIN cannot be sent through the router')
  }

  handleCopyData(): void {}

  /** Its own answer is there; one behind its Sync comes next, also when the connection ends (as an error). */
  #end(error: Error | undefined): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    if (this.asksPosition && this.isSent && !this.#asksBeforeSync)
      this.#line.expectPosition((report) => {
        this.position = report
        this.#settle(error)
      })
    else this.#settle(error)
  }

  #settle(error: Error | undefined): void {
    if (this.followUp?.isSent) this.#line.expect(this.followUp)
    this.#line.next(this)
    this.owner.settled(this, error)
  }
}

/**
 * Statements with the same columns share one shape: 64 slots times 10 connections would have 640 of them, which the
 * processor's cache would have to fetch one by one.
 */
function shapeOf(fields: ReadonlyArray<{ name: string; dataTypeID: number }>): RowShape {
  const key = JSON.stringify(fields.map(({ name, dataTypeID }) => [name, dataTypeID]))
  const known = knownShapes.get(key)
  if (known) return known
  const shape = {
    names: fields.map(({ name }) => name),
    types: fields.map(({ dataTypeID }) => dataTypeID),
    parsers: fields.map(({ dataTypeID }) => pg.types.getTypeParser(dataTypeID, 'text')),
    blank: Object.fromEntries(fields.map(({ name }) => [name, null])),
  }
  if (knownShapes.size >= knownShapesMax) knownShapes.clear()
  knownShapes.set(key, shape)
  return shape
}

const knownShapesMax = 1000
const knownShapes = new Map<string, RowShape>()

function closeStatement(name: string): Buffer {
  const body = Buffer.from(`S${name}\0`)
  const message = Buffer.allocUnsafe(5 + body.length)
  message[0] = 0x43
  message.writeInt32BE(4 + body.length, 1)
  body.copy(message, 5)
  return message
}
