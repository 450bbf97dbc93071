// The connection of a migration: as role `owner`, straight to one primary, without the router's repetitions.

import pg from 'pg'
import { TenfoldError } from '../../../base/errors.ts'
import { waitUntil } from '../../../base/limits.ts'

export interface OwnerAddress {
  address: string
  port: number
  /** Of role `owner`. */
  password: string
}

/** What PostgreSQL says on the side. */
export interface Notice {
  /** The function in PostgreSQL's source that says it. */
  routine?: string | undefined
  message?: string | undefined
}

const connectMs = 5_000
/** How long another process's migrations may take before this one gives up. */
const lockWaitMs = 120_000

/** The server goes, starts, or is no primary any more: another one may take the migration up. */
const lostStates = new Set(['57P01', '57P02', '57P03', '25006'])

export class OwnerConnection {
  readonly #client: pg.Client
  readonly #where: string
  /** Of the server's process. */
  readonly pid: number
  onNotice: ((notice: Notice) => void) | undefined

  private constructor(client: pg.Client, where: string, pid: number) {
    this.#client = client
    this.#where = where
    this.pid = pid
    client.on('notice', ({ message, routine }) => this.onNotice?.({ message, routine }))
  }

  /** @throws unavailable when the database cannot be reached. */
  static async open({ address, port, password }: OwnerAddress, applicationName = 'tenfold migrate') {
    const where = `${address}:${port}`
    const client = new pg.Client({
      host: address,
      port,
      user: 'owner',
      password,
      database: 'app',
      connectionTimeoutMillis: connectMs,
      application_name: applicationName,
      options: '-c search_path=public',
      keepAlive: true,
    })
    client.on('error', () => {}) // the statement under way, or the next one, fails with it
    try {
      await client.connect()
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      return new OwnerConnection(client, where, rows[0]?.pid ?? 0)
    } catch (cause) {
      throw new TenfoldError('unavailable', `cannot migrate the database at ${where}`, { cause })
    }
  }

  /**
   * Without values, `text` may hold several statements; the rows are then those of the first.
   * @throws unavailable when the server is lost; else PostgreSQL's own error.
   */
  async query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]> {
    const result = await this.#send<Row>(text, values)
    return Array.isArray(result) ? (result[0]?.rows ?? []) : result.rows
  }

  /** Runs one statement; answers how many rows it changed. */
  async change(text: string): Promise<number> {
    const result = await this.#send(text)
    return result.rowCount ?? 0
  }

  /** Whether a transaction is open, and sound: what a file may have changed by a COMMIT of its own. */
  get isInTransaction(): boolean {
    return this.#client.getTransactionStatus() === 'T'
  }

  /** Ends whatever is open. May be called without a transaction, and on a connection that is lost. */
  async rollback(): Promise<void> {
    // Twice: a cancel that was on its way to the failed statement may hit the first.
    for (let i = 0; i < 2 && this.#client.getTransactionStatus() !== 'I'; i++)
      await this.query('ROLLBACK').catch(() => {})
  }

  /**
   * One holder at a time over all processes; let go when the connection closes. Asks again and again and never waits
   * inside of PostgreSQL: an index that is built concurrently waits for every statement that is older than it.
   */
  async lock(key: number): Promise<void> {
    const take = async () => {
      const [row] = await this.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [key])
      return row?.taken
    }
    const what = `the end of another process's migrations at ${this.#where}`
    await waitUntil(take, { what, timeoutMs: lockWaitMs, intervalMs: 50 })
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => {})
  }

  async #send<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<Row>> {
    try {
      return await (values ? this.#client.query<Row>(text, values) : this.#client.query<Row>(text))
    } catch (cause) {
      if (cause instanceof pg.DatabaseError && !lostStates.has(cause.code ?? '')) throw cause
      throw new TenfoldError('unavailable', `the database at ${this.#where} was lost while it was migrated`, {
        cause,
        details: { isLost: true },
      })
    }
  }
}
