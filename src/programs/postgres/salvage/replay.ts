// Does lost transactions again on the new primary: each in one transaction, in the order of their commits. Nothing is
// overwritten: what is not as the lost transaction found it leaves that transaction out, whole, and is reported.
//
//   insert           the key must not be there
//   update, delete   the row must be there, unwritten since the failover but by earlier transactions of this replay
//
// A transaction that wrote a row which one that was left out had written before depends on it, and is left out as well.
// May be run again, after a crash or after conflicts were cleared away: what is done is not done twice.

import type { Client } from 'pg'
import { systemClock } from '../../../base/clock.ts'
import { describeError, TenfoldError } from '../../../base/errors.ts'
import type { PostgresAddress, PostgresSecrets } from '../contract.ts'
import { type ConflictReason, ReplayConflict } from './conflict.ts'
import { openSalvageFile, type SalvagedTransaction } from './file.ts'
import { OpenChecks } from './foreign-keys.ts'
import type { SalvagedChange, SalvagedRow, SalvageHeader } from './format.ts'
import { replayChange } from './replay-change.ts'
import { openReplaySession, type ReplaySession } from './replay-session.ts'
import { catchUpSequences } from './sequences.ts'
import { TargetTables } from './target-table.ts'

/** Rows of transactions that were left out, which later ones must not touch. */
const leftOutRowsMax = 1_000_000
/** Conflicts that a report carries; the numbers go on. */
const conflictsMax = 10_000
/** A deadlock or a row that the app holds: that often, then the replay stops and can be run again. */
const attemptsMax = 5
const retryDelayMs = 200
/** A dry run is one transaction and holds what it locks: no longer than this. */
const dryRunMsMax = 10_000

export interface ReplayOptions extends PostgresAddress {
  secrets: PostgresSecrets
  file: string
  /** Shows what would happen; everything is rolled back. */
  isDryRun?: boolean
  /** Whether the slot still lives on the shard that the file is of; elsewhere its rows cannot be judged. */
  hasSlot?: (slot: number) => boolean
  signal?: AbortSignal
}

export interface LeftOut {
  /** Of the transaction in the file, from 1. */
  position: number
  xid: number
  committedAt: string
  reason: ConflictReason
  message: string
  /** The change that could not be done; its values stay in the file. */
  schema: string
  table: string
  slot?: number
  kind: SalvagedChange['kind']
  key: SalvagedRow | null
}

export interface ReplayReport {
  header: SalvageHeader
  isDryRun: boolean
  transactions: number
  replayed: number
  /** By an earlier run. */
  replayedBefore: number
  leftOut: number
  /** The first of them. */
  conflicts: LeftOut[]
  /** How many transactions were looked at: a dry run ends after ten seconds. */
  seen: number
  notes: string[]
}

/**
 * @throws bad-input for a damaged file, naming the line; not-found; conflict (see openReplaySession); unavailable when the
 * server does not answer or the app holds a row for too long. What was replayed until then stays and is recorded.
 */
export async function replaySalvage(options: ReplayOptions): Promise<ReplayReport> {
  // Read to its end first: half a replay of a damaged file helps nobody.
  await checkFile(options.file)
  await using file = await openSalvageFile(options.file)
  await using session = await openReplaySession(options, file.header)
  return await new Replay(options, session, file.header).run(file.transactions)
}

async function checkFile(path: string): Promise<void> {
  await using file = await openSalvageFile(path)
  for await (const _ of file.transactions);
}

class Replay {
  readonly #options: ReplayOptions
  readonly #client: Client
  readonly #replayed: Map<string, number>
  readonly #tables: TargetTables
  readonly #leftOutRows = new Set<string>()
  readonly #report: ReplayReport

  constructor(options: ReplayOptions, session: ReplaySession, header: SalvageHeader) {
    this.#options = options
    this.#client = session.client
    this.#replayed = session.replayed
    this.#tables = new TargetTables(session.client)
    this.#report = {
      header,
      isDryRun: options.isDryRun === true,
      transactions: header.transactions,
      ...{ replayed: 0, replayedBefore: 0, leftOut: 0, conflicts: [], seen: 0, notes: [] },
    }
  }

  async run(transactions: AsyncIterable<SalvagedTransaction>): Promise<ReplayReport> {
    const { header, isDryRun, notes } = this.#report
    const done = new Set(this.#replayed.values())
    const startedMs = systemClock.monotonic()
    if (isDryRun) await this.#ask('BEGIN')
    else notes.push(...(await catchUpSequences(this.#client, header.sequences)))
    for await (const transaction of transactions) {
      if (this.#options.signal?.aborted) throw new TenfoldError('closed', 'the replay was given up')
      if (isDryRun && systemClock.monotonic() - startedMs > dryRunMsMax) {
        notes.push(`the dry run ended after ${dryRunMsMax} ms: it holds locks; the rest was not looked at`)
        break
      }
      this.#report.seen++
      if (done.has(transaction.position)) this.#report.replayedBefore++
      else await this.#replay(transaction)
    }
    if (isDryRun) await this.#ask('ROLLBACK')
    return this.#report
  }

  async #replay(transaction: SalvagedTransaction): Promise<void> {
    const { begin, commit, undo } = this.#report.isDryRun ? ofDryRun : ofReplay
    for (let attempt = 1; ; attempt++) {
      let change: SalvagedChange | undefined
      try {
        await this.#ask(begin)
        const xid = await this.#record(transaction)
        const checks = new OpenChecks()
        for await (change of transaction.changes()) await this.#do(change, transaction.position, xid, checks)
        await checks.settle(this.#client)
        await this.#ask(commit)
        this.#replayed.set(xid, transaction.position)
        this.#report.replayed++
        return
      } catch (error) {
        const conflict = conflictOf(error, change)
        if (!conflict && !(isTransient(error) && attempt < attemptsMax)) throw explain(error, transaction.position)
        await this.#ask(undo)
        if (conflict) return this.#leaveOut(transaction, conflict)
        await systemClock.sleep(retryDelayMs)
      }
    }
  }

  async #do(change: SalvagedChange, position: number, xid: string, checks: OpenChecks): Promise<void> {
    const { hasSlot } = this.#options
    if (change.slot !== undefined && hasSlot && !hasSlot(change.slot)) throw new ReplayConflict('moved', change)
    if (rowsOf(change).some((row) => this.#leftOutRows.has(row)))
      throw new ReplayConflict('depends-on-left-out', change)
    const isOfReplay = (xmin: bigint) =>
      String(xmin) === xid || (this.#replayed.get(String(xmin)) ?? Number.POSITIVE_INFINITY) < position
    const promotedXid = BigInt(this.#report.header.promotedXid)
    const context = { client: this.#client, tables: this.#tables, promotedXid, isOfReplay }
    await checks.note(this.#client, await replayChange(context, change))
  }

  /** In the transaction itself. Answers its id, which all that it writes will carry. */
  async #record({ position, xid }: SalvagedTransaction): Promise<string> {
    const { rows } = await this.#client.query<{ xmin: string }>(
      'INSERT INTO tenfold.salvage_replayed (salvage, position, lost_xid) VALUES ($1, $2, $3) RETURNING xmin::text',
      [this.#report.header.id, position, xid],
    )
    return rows[0]?.xmin ?? ''
  }

  async #leaveOut(transaction: SalvagedTransaction, { reason, message, change }: ReplayConflict): Promise<void> {
    const report = this.#report
    report.leftOut++
    for await (const left of transaction.changes())
      for (const row of rowsOf(left)) {
        if (this.#leftOutRows.size >= leftOutRowsMax)
          throw new TenfoldError('too-large', `transactions of more than ${leftOutRowsMax} rows had to be left out`)
        this.#leftOutRows.add(row)
      }
    if (report.conflicts.length >= conflictsMax) return
    const { position, xid } = transaction
    const { schema, table, slot, kind, key } = change
    const place = { schema, table, ...(slot !== undefined && { slot }), kind, key }
    report.conflicts.push({ position, xid, committedAt: transaction.committedAt, reason, message, ...place })
  }

  async #ask(sql: string): Promise<void> {
    await this.#client.query(sql)
  }
}

const ofReplay = { begin: 'BEGIN', commit: 'COMMIT', undo: 'ROLLBACK' }
const ofDryRun = {
  begin: 'SAVEPOINT lost',
  commit: 'RELEASE SAVEPOINT lost',
  undo: 'ROLLBACK TO SAVEPOINT lost; RELEASE SAVEPOINT lost',
}

/** The rows that a change touches, by the key before and after it. */
function rowsOf({ schema, table, slot, key, values }: SalvagedChange): string[] {
  if (key === null) return []
  const columns = Object.keys(key).sort()
  const nameOf = (row: SalvagedRow) =>
    JSON.stringify([slot ?? schema, table, ...columns.map((column) => [column, row[column] ?? null])])
  const after = Object.fromEntries(columns.map((column) => [column, values?.[column] ?? key[column] ?? null]))
  return [...new Set([nameOf(key), nameOf(after)])]
}

/** What the server refuses because of the data or the schema is a conflict; its own troubles are not. */
function conflictOf(error: unknown, change: SalvagedChange | undefined): ReplayConflict | undefined {
  if (error instanceof ReplayConflict) return error
  const { code, message, detail } = error as { code?: string; message: string; detail?: string }
  if (!change || code === undefined || !/^(21|22|23|42|44|P0)...$/.test(code)) return undefined
  const says = detail === undefined ? message : `${message}: ${detail}`
  if (code === '23505' || code === '23P01') return new ReplayConflict('row-exists', change, says)
  return new ReplayConflict(code === '42P01' ? 'no-table' : 'refused', change, says)
}

/** Deadlock, serialization failure, a lock that was not to be had. */
function isTransient(error: unknown): boolean {
  return ['40P01', '40001', '55P03'].includes((error as { code?: string }).code ?? '')
}

function explain(error: unknown, position: number): unknown {
  if (error instanceof TenfoldError) return error
  const message = `the replay stopped at transaction ${position} of the file: ${describeError(error)}; run it again to go on`
  return new TenfoldError('unavailable', message, { cause: error, details: { position } })
}
