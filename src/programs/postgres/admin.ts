// One connection as superuser, for the supervisor: what it asks of a running server and does to it.

import { Client, type QueryResultRow } from 'pg'
import { isTenfoldError } from '../../base/errors.ts'
import { waitUntil, withTimeout } from '../../base/limits.ts'
import { bootstrapDatabase, bootstrapRoles } from './bootstrap.ts'
import {
  databaseName,
  type PostgresAddress,
  type PostgresSecrets,
  type PostgresState,
  superuserName,
} from './contract.ts'
import { lowerFence, raiseFence } from './fence.ts'
import { parseLsn } from './lsn.ts'
import { lagSql, stateSql } from './state-sql.ts'

const connectTimeoutMs = 3000
const queryTimeoutMs = 5000
const answerMarginMs = 500
const closeTimeoutMs = 500
const promoteTimeoutS = 30
const checkpointTimeoutMs = 300_000
/** Within this the server has read a changed fence, and the last client is gone. */
const fenceTimeoutMs = 5000
const fencePollMs = 1

export interface ReplicaLag {
  /** The slot that the replica follows through, else the name of its data directory. */
  name: string
  replayedLsn: bigint
  lagBytes: number
}

export interface AdminOptions extends PostgresAddress {
  secrets: PostgresSecrets
  database?: string
}

export class PostgresAdmin {
  readonly #options: AdminOptions
  readonly #client: Client

  private constructor(options: AdminOptions, client: Client) {
    this.#options = options
    this.#client = client
  }

  /** @throws the connection's own error: a socket's code, or a SQLSTATE such as 57P03 (starting) or 28P01 (password). */
  static async connect(options: AdminOptions): Promise<PostgresAdmin> {
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
      client.end().catch(() => {})
      throw error
    }
    return new PostgresAdmin(options, client)
  }

  /** Never waits long for a server that hangs. May be called twice, and on a connection that is broken. */
  async close(): Promise<void> {
    await withTimeout(this.#client.end(), closeTimeoutMs, 'closing a connection').catch(() => this.#abandon())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @throws timeout when the server does not answer; the connection is of no use then. Else PostgreSQL's own error. */
  async query<Row extends QueryResultRow>(
    text: string,
    values: unknown[] = [],
    timeoutMs = queryTimeoutMs,
  ): Promise<Row[]> {
    try {
      // The server bounds its own work; this bounds a server that is stopped, or a network that swallows the answer.
      const what = `PostgreSQL at ${this.#options.address}:${this.#options.port} answering the supervisor`
      const result = await withTimeout(this.#client.query<Row>(text, values), timeoutMs + answerMarginMs, what)
      return result.rows
    } catch (error) {
      if (isTenfoldError(error, 'timeout')) this.#abandon()
      throw error
    }
  }

  /** Makes the roles, their passwords, the database and its privileges. May be called again, also with new passwords. */
  async bootstrap(secrets: PostgresSecrets): Promise<void> {
    await bootstrapRoles(this, secrets)
    await using inside = await PostgresAdmin.connect({ ...this.#options, database: databaseName })
    await bootstrapDatabase(inside)
  }

  async state(): Promise<PostgresState> {
    const [row] = await this.query<{ recovering: boolean; timeline: number; written: string; replayed: string }>(
      stateSql,
    )
    if (!row) throw new Error('a SELECT without FROM has one row')
    return {
      isInRecovery: row.recovering,
      timeline: row.timeline,
      writtenLsn: parseLsn(row.written),
      replayedLsn: parseLsn(row.replayed),
    }
  }

  /** Makes a replica a primary, on the next timeline. On a primary it does nothing. */
  async promote(): Promise<void> {
    const { isInRecovery } = await this.state()
    if (!isInRecovery) return
    await this.#queryFor((promoteTimeoutS + 5) * 1000, 'SELECT pg_promote(true, $1)', [promoteTimeoutS])
    await waitUntil(async () => !(await this.state()).isInRecovery, {
      what: `the promotion of ${this.#options.address}:${this.#options.port}`,
      timeoutMs: fenceTimeoutMs,
    })
  }

  async checkpoint(): Promise<void> {
    await this.#queryFor(checkpointTimeoutMs, 'CHECKPOINT')
  }

  /** Rereads the configuration files. The server does so a moment later. */
  async reload(): Promise<void> {
    await this.query('SELECT pg_reload_conf()')
  }

  /** A physical slot that keeps the log from now on. May be called again. */
  async createSlot(name: string): Promise<void> {
    await this.query(
      `SELECT pg_create_physical_replication_slot($1, true)
       WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`,
      [name],
    )
  }

  /** Throws out the replica that uses it. May be called again. */
  async dropSlot(name: string): Promise<void> {
    await waitUntil(
      async () => {
        const [slot] = await this.query<{ active_pid: number | null }>(
          'SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1',
          [name],
        )
        if (!slot) return true
        if (slot.active_pid !== null) await this.query('SELECT pg_terminate_backend($1)', [slot.active_pid])
        await this.query('SELECT pg_drop_replication_slot($1)', [name])
        return true
      },
      { what: `dropping the replication slot ${name}`, timeoutMs: fenceTimeoutMs },
    )
  }

  /** How far each connected replica is behind. */
  async lag(): Promise<ReplicaLag[]> {
    const rows = await this.query<{ name: string; replayed: string; lag: string }>(lagSql)
    return rows.map(({ name, replayed, lag }) => ({ name, replayedLsn: parseLsn(replayed), lagBytes: Number(lag) }))
  }

  /**
   * Resolves when nobody but the supervisor and replication is in or gets in; see fence.ts. The server must run on this
   * machine. May be called again.
   */
  async fence(): Promise<void> {
    await raiseFence(await this.#dataDir())
    await this.reload()
    await this.#waitForFence(true)
    await this.terminateApp()
  }

  async unfence(): Promise<void> {
    await lowerFence(await this.#dataDir())
    await this.reload()
    await this.#waitForFence(false)
  }

  /** Resolves when no client but the supervisor and replication is left. Who connects meanwhile is thrown out, too. */
  async terminateApp(): Promise<void> {
    await waitUntil(
      async () => {
        // A connection that is still proving who it is has no name yet; it may have been let in by the old rules.
        const left = await this.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
             AND coalesce(usename, '') NOT IN ('tenfold', 'replicator')`,
        )
        return left.length === 0
      },
      { what: 'the end of the last connection of the app', timeoutMs: fenceTimeoutMs, intervalMs: fencePollMs },
    )
  }

  /** Process id of the server itself, from its lock file. */
  async serverPid(): Promise<number> {
    const [row] = await this.query<{ pid: number }>(
      `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid`,
    )
    return row?.pid ?? 0
  }

  async #dataDir(): Promise<string> {
    const [row] = await this.query<{ data_directory: string }>('SHOW data_directory')
    return row?.data_directory ?? ''
  }

  /** pg_reload_conf only sends a signal. The new rules hold when the server answers a knock by them. */
  async #waitForFence(isRaised: boolean): Promise<void> {
    const { address, port } = this.#options
    await waitUntil(
      async () => {
        // The rules speak before the password: a knock without one tells them apart.
        const knock = new Client({ host: address, port, user: 'app', database: databaseName, password: '' })
        knock.on('error', () => {})
        const code = await knock.connect().then(
          () => undefined,
          (error: { code?: string }) => error.code,
        )
        await knock.end().catch(() => {})
        return (code === '28000') === isRaised
      },
      {
        what: `the ${isRaised ? 'fence' : 'end of the fence'} at ${address}:${port}`,
        timeoutMs: fenceTimeoutMs,
        intervalMs: fencePollMs,
      },
    )
  }

  /** A statement that may take longer than the others. */
  async #queryFor(timeoutMs: number, text: string, values: unknown[] = []): Promise<void> {
    await this.query(`SET statement_timeout = ${timeoutMs}`)
    await this.query(text, values, timeoutMs)
    await this.query(`SET statement_timeout = ${queryTimeoutMs}`)
  }

  #abandon(): void {
    this.#client.connection.stream.destroy()
  }
}
