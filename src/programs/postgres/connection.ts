// One connection as superuser whose every wait is bounded: a server that hangs costs seconds, not for ever.

import { Client, type QueryResultRow } from 'pg'
import { isTenfoldError } from '../../base/errors.ts'
import { withTimeout } from '../../base/limits.ts'
import { type PostgresAddress, type PostgresSecrets, superuserName } from './contract.ts'

const connectTimeoutMs = 3000
const queryTimeoutMs = 5000
/** The server's own time-out comes first; after this we give the server up. */
const answerMarginMs = 500
const closeTimeoutMs = 500

export interface ConnectionOptions extends PostgresAddress {
  secrets: PostgresSecrets
  database?: string
}

export class PostgresConnection {
  readonly options: ConnectionOptions
  readonly #client: Client

  private constructor(options: ConnectionOptions, client: Client) {
    this.options = options
    this.#client = client
  }

  /** @throws the connection's own error: a socket's code, or a SQLSTATE such as 57P03 (starting) or 28P01 (password). */
  static async connect(options: ConnectionOptions): Promise<PostgresConnection> {
    const client = new Client({
      host: options.address,
      port: options.port,
      user: superuserName,
      password: options.secrets.superuser,
      database: options.database ?? 'postgres',
      application_name: 'tenfold supervisor',
      connectionTimeoutMillis: connectTimeoutMs,
      // A commit as superuser must not wait for replicas: it is how a cluster without them is repaired.
      options: `-c statement_timeout=${queryTimeoutMs} -c synchronous_commit=local`,
    })
    // A connection that breaks between two statements fails the next one; nobody has to hear of it before.
    client.on('error', () => {})
    try {
      await client.connect()
    } catch (error) {
      client.connection.stream.destroy()
      throw error
    }
    return new PostgresConnection(options, client)
  }

  /** @throws timeout when the server does not answer; the connection is of no use then. Else PostgreSQL's own error. */
  async query<Row extends QueryResultRow>(
    text: string,
    values: unknown[] = [],
    timeoutMs = queryTimeoutMs,
  ): Promise<Row[]> {
    try {
      const what = `PostgreSQL at ${this.options.address}:${this.options.port} answering the supervisor`
      const result = await withTimeout(this.#client.query<Row>(text, values), timeoutMs + answerMarginMs, what)
      return result.rows
    } catch (error) {
      if (isTenfoldError(error, 'timeout')) this.#abandon()
      throw error
    }
  }

  /** A statement that may take longer than the others. */
  async queryFor(timeoutMs: number, text: string, values: unknown[] = []): Promise<void> {
    await this.query(`SET statement_timeout = ${timeoutMs}`)
    try {
      await this.query(text, values, timeoutMs)
    } finally {
      await this.query(`SET statement_timeout = ${queryTimeoutMs}`).catch(() => {})
    }
  }

  /** Never waits long for a server that hangs. May be called twice, and on a connection that is broken. */
  async close(): Promise<void> {
    await withTimeout(this.#client.end(), closeTimeoutMs, 'closing a connection').catch(() => this.#abandon())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #abandon(): void {
    this.#client.connection.stream.destroy()
  }
}
