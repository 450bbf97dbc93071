// An asynchronous failover for the tests: a primary with its salvage slot, a replica that is cut off, writes that only the
// primary has, kill -9 of it, and the replica as the new primary.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '../../../base/limits.ts'
import { configureCluster } from '../configure.ts'
import { PostgresConnection } from '../connection.ts'
import { databaseName } from '../contract.ts'
import { isServerAlive } from '../lock-file.ts'
import { parseLsn } from '../lsn.ts'
import { startTestPostgres, startTestReplica, type TestPostgres } from '../testing.ts'
import { type DecodeOptions, decodeLost, type Lost } from './decode.ts'
import { openSalvageFile, SalvageWriter } from './file.ts'
import type { SalvagedChange, SalvageHeader } from './format.ts'
import { startIsolated } from './isolated-server.ts'
import { ensureSalvageSlot } from './slot.ts'

const waitMs = 20_000
/** As of a node us-east/postgres-2. */
const testSlot = 'us_east_postgres_2'

export interface WholeTransaction {
  xid: number
  lsn: string
  committedAt: string
  changes: SalvagedChange[]
}

/** A primary with a salvage slot, and a replica of it. */
export class AsyncPair implements AsyncDisposable {
  readonly primary: TestPostgres
  readonly replica: TestPostgres
  readonly dir: string
  /** Of the new primary; known after `failOver`. */
  divergedAt = 0n
  promotedXid = '0'
  /** For files that claim to be of another cluster. */
  systemIdentifier: string | undefined

  private constructor(primary: TestPostgres, replica: TestPostgres, dir: string) {
    this.primary = primary
    this.replica = replica
    this.dir = dir
  }

  /** `setUp` runs on the primary, in the database app, before anything is cut off. */
  static async start(setUp: string, { withSlot = true } = {}): Promise<AsyncPair> {
    const primary = await startTestPostgres()
    const replica = await startTestReplica(primary, { slot: testSlot })
    const pair = new AsyncPair(primary, replica, await mkdtemp(join(tmpdir(), 'tenfold-salvage-')))
    await using app = await pair.connect(primary)
    await app.query(setUp)
    if (withSlot) await ensureSalvageSlot(app)
    return pair
  }

  /** As superuser, in the database app. */
  connect(server: TestPostgres): Promise<PostgresConnection> {
    return PostgresConnection.connect({ ...server, database: databaseName })
  }

  /** From here on the replica gets nothing any more. */
  async cutOff(): Promise<void> {
    const { dataDir, address, port, connectionsMax, secrets, admin } = this.replica
    const nowhere = { address: '127.0.0.1', port: 1, password: secrets.replicator, slot: testSlot }
    await configureCluster({ dataDir, address, port, connectionsMax, follow: nowhere })
    await admin.reload()
    const isCut = async () => (await admin.query('SELECT FROM pg_stat_wal_receiver')).length === 0
    await waitUntil(isCut, { what: 'the replica being cut off', timeoutMs: waitMs })
  }

  /** Kills the primary as an accident would, and promotes the replica. */
  async failOver(): Promise<void> {
    const { pid, dataDir, admin } = this.primary
    process.kill(pid, 'SIGKILL')
    await waitUntil(() => !isServerAlive(pid, dataDir), { what: 'the death of the primary', timeoutMs: waitMs })
    await admin.close()
    await this.replica.admin.promote()
    const [row] = await this.replica.admin.query<{ xid: string; history: string }>(
      `SELECT pg_current_xact_id()::text AS xid, pg_read_file('pg_wal/00000002.history') AS history`,
    )
    this.promotedXid = row?.xid ?? ''
    this.divergedAt = parseLsn(row?.history.split('\t')[1] ?? '')
  }

  async decode(): Promise<Lost & { found: WholeTransaction[] }> {
    const found: WholeTransaction[] = []
    let changes: SalvagedChange[] = []
    const lost = await this.decodeWith(async (line) => {
      changes.push(...line.changes)
      if ('continued' in line) return
      found.push({ xid: line.xid, lsn: line.lsn, committedAt: line.committedAt, changes })
      changes = []
    })
    return { ...lost, found }
  }

  decodeWith(write: DecodeOptions['write']): Promise<Lost> {
    const { dataDir, secrets, logFile } = this.primary
    return decodeLost({ dataDir, secrets, logFile, address: '127.0.0.1', from: this.divergedAt, write })
  }

  /** With the dead primary, started alone. */
  async alone(work: (connection: PostgresConnection) => Promise<unknown>): Promise<void> {
    const { dataDir, secrets, logFile } = this.primary
    await using server = await startIsolated({ dataDir, secrets, logFile, address: '127.0.0.1' })
    await using connection = await PostgresConnection.connect({ ...server, secrets, database: databaseName })
    await work(connection)
  }

  /** Decodes into a file, and answers its path. */
  async salvage(name = 'salvage.jsonl'): Promise<string> {
    const path = join(this.dir, name)
    const writer = await SalvageWriter.open(path)
    const lost = await this.decodeWith((line) => writer.write(line))
    const { systemIdentifier = lost.systemIdentifier } = this
    await writer.finish({ ...this.header(), ...lost, systemIdentifier })
    return path
  }

  /** As for a failover of shard s1, without what decoding finds out. */
  header(): Omit<SalvageHeader, keyof Lost> {
    return {
      format: 1,
      id: crypto.randomUUID(),
      shard: 's1',
      node: 'us-east/postgres-1',
      timeline: 2,
      divergedAt: '0/0',
      promotedXid: this.promotedXid,
      at: new Date().toISOString(),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.replica.stop()
    await this.primary.stop()
    await rm(this.dir, { recursive: true, force: true })
  }
}

/** Every transaction of a file, whole. */
export async function readTransactions(path: string): Promise<WholeTransaction[]> {
  await using file = await openSalvageFile(path)
  const found: WholeTransaction[] = []
  for await (const { xid, lsn, committedAt, changes } of file.transactions) {
    const whole: SalvagedChange[] = []
    for await (const change of changes()) whole.push(change)
    found.push({ xid, lsn, committedAt, changes: whole })
  }
  return found
}
