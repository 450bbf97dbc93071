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

const connectMs = 5_000
/** How long another process's migrations may take before this one gives up. */
const lockWaitMs = 120_000

export class OwnerConnection {
  readonly #client: pg.Client
  readonly #where: string

  private constructor(client: pg.Client, where: string) {
    this.#client = client
    this.#where = where
  }

  /** @throws unavailable when the database cannot be reached. */
  static async open({ address, port, password }: OwnerAddress) {
    const where = `${address}:${port}`
    const client = new pg.Client({
      host: address,
      port,
      user: 'owner',
      password,
      database: 'app',
      connectionTimeoutMillis: connectMs,
      application_name: 'tenfold migrate',
      options: '-c search_path=public',
      keepAlive: true,
    })
    client.on('error', () => {}) // the statement under way, or the next one, fails with it
    try {
      await client.connect()
    } catch (cause) {
      throw new TenfoldError('unavailable', `cannot migrate the database at ${where}`, { cause })
    }
    return new OwnerConnection(client, where)
  }

  /** Without values, `text` may hold several statements; the rows are then those of the first. */
  async query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]> {
    const result = await (values ? this.#client.query<Row>(text, values) : this.#client.query<Row>(text))
    return Array.isArray(result) ? (result[0]?.rows ?? []) : result.rows
  }

  /** Whether a transaction is open, and sound: what a file may have changed by a COMMIT of its own. */
  get isInTransaction(): boolean {
    return this.#client.getTransactionStatus() === 'T'
  }

  /** One holder at a time over all processes; let go when the connection closes. */
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
}
