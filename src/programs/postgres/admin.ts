// What the supervisor asks of a running server and does to it, over one connection as superuser.

import type { QueryResultRow } from 'pg'
import { waitUntil } from '../../base/limits.ts'
import { bootstrapDatabase, bootstrapRoles } from './bootstrap.ts'
import { type ConnectionOptions, PostgresConnection } from './connection.ts'
import { databaseName, type PostgresSecrets, type PostgresState } from './contract.ts'
import { fenceServer, throwOutClients, unfenceServer } from './fence.ts'
import { formatLsn, parseLsn } from './lsn.ts'
import { lagSql, stateSql } from './state-sql.ts'

const promoteTimeoutMs = 35_000
const promotePollMs = 2
const checkpointTimeoutMs = 300_000
const dropSlotTimeoutMs = 5000
/** Of a segment's 16 MB. */
const segmentBytesFew = 1024 * 1024

export interface ReplicaLag {
  /** The slot that the replica follows through, else the name of its data directory. */
  name: string
  replayedLsn: bigint
  lagBytes: number
  /** How long ago the newest change that it has shown was written; 0 when it has shown all. */
  lagMs: number
}

export class PostgresAdmin {
  readonly #connection: PostgresConnection

  private constructor(connection: PostgresConnection) {
    this.#connection = connection
  }

  /** @throws the connection's own error: a socket's code, or a SQLSTATE such as 57P03 (starting) or 28P01 (password). */
  static async connect(options: ConnectionOptions): Promise<PostgresAdmin> {
    return new PostgresAdmin(await PostgresConnection.connect(options))
  }

  /** Never waits long for a server that hangs. May be called twice, and on a connection that is broken. */
  close(): Promise<void> {
    return this.#connection.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @throws timeout when the server does not answer; the connection is of no use then. Else PostgreSQL's own error. */
  query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.#connection.query<Row>(text, values)
  }

  /** Makes the roles, their passwords, the database and its privileges. May be called again, also with new passwords. */
  async bootstrap(secrets: PostgresSecrets): Promise<void> {
    await bootstrapRoles(this.#connection, secrets)
    await using inside = await PostgresConnection.connect({ ...this.#connection.options, database: databaseName })
    await bootstrapDatabase(inside)
  }

  async state(): Promise<PostgresState> {
    const [row] = await this.query<{
      recovering: boolean
      timeline: number
      written: string
      replayed: string
      complete: boolean
    }>(stateSql)
    if (!row) throw new Error('a SELECT without a table has one row')
    return {
      isInRecovery: row.recovering,
      timeline: row.timeline,
      writtenLsn: parseLsn(row.written),
      replayedLsn: parseLsn(row.replayed),
      isComplete: row.complete,
    }
  }

  async isInRecovery(): Promise<boolean> {
    const [row] = await this.query<{ recovering: boolean }>('SELECT pg_is_in_recovery() AS recovering')
    return row?.recovering ?? false
  }

  /**
   * Where the timeline that a primary writes begins, and its first transaction: on an earlier one lies all that an
   * earlier primary acknowledged. To be asked right after the promotion.
   */
  async timelineStart(): Promise<{ timeline: number; start: string; firstXid: string }> {
    const { timeline } = await this.state()
    const file = `pg_wal/${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`
    const [row] = await this.query<{ history: string | null; xid: string }>(
      `SELECT pg_read_file($1, true) AS history, pg_snapshot_xmax(pg_current_snapshot())::text AS xid`,
      [file],
    )
    return { timeline, start: forkOf(row?.history ?? '', timeline), firstXid: row?.xid ?? '0' }
  }

  /** Whether commits wait for these: see formatSynchronous. */
  async waitsFor(standbys: string): Promise<boolean> {
    const [row] = await this.query<{ names: string }>(`SELECT current_setting('synchronous_standby_names') AS names`)
    return row?.names === standbys
  }

  /** Names of the physical slots, and whether somebody uses them. */
  async slots(): Promise<Array<{ name: string; isActive: boolean }>> {
    return this.query(
      `SELECT slot_name AS name, active AS "isActive" FROM pg_replication_slots WHERE slot_type = 'physical'`,
    )
  }

  /** Makes a replica a primary, on the next timeline; resolves when it takes writes. On a primary it does nothing. */
  async promote(): Promise<void> {
    if (!(await this.isInRecovery())) return
    // pg_promote can wait by itself, but looks only every 100 ms, and writers are being held meanwhile.
    await this.query('SELECT pg_promote(false)')
    let broken: { cause: unknown } | undefined
    const isOver = async () => {
      try {
        return !(await this.isInRecovery())
      } catch (cause) {
        broken = { cause } // the server died: this connection tells nothing more
        return true
      }
    }
    await waitUntil(isOver, {
      what: 'the end of recovery',
      timeoutMs: promoteTimeoutMs,
      intervalMs: promotePollMs,
    })
    if (broken) throw (broken as { cause: unknown }).cause
  }

  /**
   * Of a primary that is about to be followed by another one. A replica that changes its timeline asks for the segment from its
   * beginning on (RequestXLogStreaming), and commits wait for it: so that there is little of that.
   */
  async beginSegment(): Promise<void> {
    await this.query(
      `SELECT pg_switch_wal() FROM pg_walfile_name_offset(pg_current_wal_insert_lsn()) WHERE file_offset > $1`,
      [segmentBytesFew],
    )
  }

  async checkpoint(timeoutMs = checkpointTimeoutMs): Promise<void> {
    await this.#connection.queryFor(timeoutMs, 'CHECKPOINT')
  }

  /** How many of the replicas that follow through these slots have everything on disk that is written up to `lsn`. */
  async countFlushed(slots: readonly string[], lsn: bigint): Promise<number> {
    const [row] = await this.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_stat_replication
       WHERE application_name = ANY ($1) AND flush_lsn >= $2::pg_lsn`,
      [slots, formatLsn(lsn)],
    )
    return row?.count ?? 0
  }

  /** Rereads the configuration files. The server does so a moment later. */
  async reload(): Promise<void> {
    await this.query('SELECT pg_reload_conf()')
  }

  /** A physical slot that keeps the log from now on; one that has lost it is made anew. May be called again. */
  async createSlot(name: string): Promise<void> {
    const [lost] = await this.query(
      `SELECT FROM pg_replication_slots
       WHERE slot_name = $1 AND (wal_status = 'lost' OR invalidation_reason IS NOT NULL)`,
      [name],
    )
    if (lost) await this.dropSlot(name)
    await this.query(
      `SELECT pg_create_physical_replication_slot($1::name, true)
       WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1::name)`,
      [name],
    )
  }

  /** Throws out the replica that uses it. May be called again. */
  async dropSlot(name: string): Promise<void> {
    const drop = async () => {
      const [slot] = await this.query<{ active_pid: number | null }>(
        'SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1',
        [name],
      )
      if (slot && slot.active_pid !== null) await this.query('SELECT pg_terminate_backend($1)', [slot.active_pid])
      if (slot) await this.query('SELECT pg_drop_replication_slot($1)', [name])
      return true
    }
    await waitUntil(drop, { what: `dropping the replication slot ${name}`, timeoutMs: dropSlotTimeoutMs })
  }

  /** How far each connected replica is behind. */
  async lag(): Promise<ReplicaLag[]> {
    const rows = await this.query<{ name: string; replayed: string; lag: string; ms: number | null }>(lagSql)
    return rows.map(({ name, replayed, lag, ms }) => {
      const lagBytes = Number(lag)
      return { name, replayedLsn: parseLsn(replayed), lagBytes, lagMs: lagBytes === 0 ? 0 : (ms ?? 0) }
    })
  }

  /**
   * Resolves when nobody but the supervisor and replication is in or gets in; see fence.ts. The server must run on this
   * machine. May be called again.
   */
  fence(): Promise<void> {
    return fenceServer(this.#connection)
  }

  /** The reverse: resolves when the app gets in. May be called again. */
  unfence(): Promise<void> {
    return unfenceServer(this.#connection)
  }

  /** Throws out every client but the supervisor and replication, once; without a fence they may come back. */
  async terminateApp(): Promise<void> {
    await throwOutClients(this.#connection)
  }

  /** Process id of the server itself, from its lock file. */
  async serverPid(): Promise<number> {
    const [row] = await this.query<{ pid: number }>(
      `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid`,
    )
    return row?.pid ?? 0
  }
}

/** Each line of a history file: a timeline, where the next one left it, why (PostgreSQL manual, 26.3.6 Timelines). */
function forkOf(history: string, timeline: number): string {
  const [, at] = /^\d+\t([0-9A-F]+\/[0-9A-F]+)\t/.exec(history.trimEnd().split('\n').at(-1) ?? '') ?? []
  if (at !== undefined) return at
  if (timeline === 1) return '0/0'
  throw new Error(`the history of timeline ${timeline} does not say where it begins: ${JSON.stringify(history)}`)
}
