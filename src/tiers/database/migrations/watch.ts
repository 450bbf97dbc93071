// A second connection that watches the first one while a migration runs, and stops it when the app would suffer.
//
// The rules (check/) judge what they can read; a DO block, a function or a rule that is missing they cannot. PostgreSQL
// itself says at level DEBUG1 when it begins to rewrite a table, to read it for a constraint, or to build an index, and
// it says so before the work. Heard with a lock that keeps writers out of a table that is not small, the statement is
// cancelled then, milliseconds into a rewrite that could take an hour.
// Source: PostgreSQL 18, ATRewriteTable and validateForeignKeyConstraint in src/backend/commands/tablecmds.c,
// index_build in src/backend/catalog/index.c. Their names come with the message, in every language.
//
// And whatever the reason: nobody of the app waits behind the migration for longer than `waitMsMax`.

import { TenfoldError } from '../../../base/errors.ts'
import type { Danger } from './check/directives.ts'
import { sizeOf } from './check/finding.ts'
import { type TableBefore, titleOf } from './check/schema.ts'
import type { Notice, OwnerConnection } from './owner-connection.ts'

/** How long a statement of the app may wait for the migration, whatever the migration does. */
export const waitMsMax = 2_000
const lookEveryMs = 200
/** How often a long build says how far it is. */
const tellEveryMs = 2_000

const works: Readonly<Record<string, { danger: Danger; pattern: RegExp }>> = {
  ATRewriteTable: { danger: 'scan', pattern: /^(?:rewriting|verifying) table "(.*)"$/s },
  index_build: { danger: 'build', pattern: /on table "(.*)" (?:serially|with request)/s },
  validateForeignKeyConstraint: { danger: 'scan', pattern: /^validating foreign key/ },
}

export interface Blocker {
  pid: number
  application: string
  /** When its transaction and its statement began; null where the server does not tell the owner. */
  since: string | null
  queryStart: string | null
  query: string | null
}

/** Of pg_stat_progress_create_index. */
interface Build {
  relation: string
  phase: string
  share: number | null
  lockerPid: number | null
  locker: string | null
}

interface Guarded {
  oid: number
  /** Of the file that holds its rows; another one after it was rewritten. */
  filenode: number
  table: TableBefore
}

export class Watch {
  readonly #own: OwnerConnection
  readonly #pid: number
  #name = ''
  #guarded = new Map<number, Guarded>()
  /** Relations whose author allows that others wait. */
  #exempt: number[] = []
  #timer: NodeJS.Timeout | undefined
  #pending = new Set<Promise<void>>()
  #isLooking = false
  #verdict: TenfoldError | undefined
  #blockers: Blocker[] = []

  constructor(own: OwnerConnection, watched: OwnerConnection) {
    this.#own = own
    this.#pid = watched.pid
    watched.onNotice = (notice) => this.#hear(notice)
  }

  /** What the next statements belong to, and which tables they may rewrite, read or build on at length. */
  async begin(name: string, tables: readonly TableBefore[], allowed: readonly TableBefore[]): Promise<void> {
    this.#name = name
    this.#guarded.clear()
    for (const table of tables)
      for (const { oid, filenode } of await relationsOf(this.#own, table))
        this.#guarded.set(oid, { oid, filenode, table })
    this.#exempt = []
    for (const table of allowed) this.#exempt.push(...(await relationsOf(this.#own, table)).map(({ oid }) => oid))
  }

  /** Looks from now on. */
  arm(): void {
    this.#verdict = undefined
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref()
  }

  async disarm(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await Promise.allSettled(this.#pending)
  }

  /** Says how far a concurrent build is, and for whom it waits, until the answer is called. */
  tell(report: (message: string) => void): () => void {
    let isAsking = false
    const ask = async () => {
      isAsking = true
      const [at] = await this.#own.query<Build & { [column: string]: unknown }>(buildQuery, [this.#pid])
      isAsking = false
      if (!at) return
      const waits = at.lockerPid ? `, waits for pid ${at.lockerPid} (${at.locker || 'no application name'})` : ''
      const share = at.share === null ? '' : `, ${Math.round(at.share * 100)} %`
      report(`index of ${at.relation}: ${at.phase}${share}${waits}`)
    }
    const timer = setInterval(() => isAsking || this.#follow(ask()), tellEveryMs).unref()
    return () => clearInterval(timer)
  }

  /** Why the statement was stopped, once everything that was heard has been judged. */
  async verdict(): Promise<TenfoldError | undefined> {
    await Promise.allSettled(this.#pending)
    return this.#verdict
  }

  /** The last look before COMMIT, by whoever sees the transaction: which guarded table lies in another file now. */
  async findRewritten(watched: OwnerConnection): Promise<TableBefore | undefined> {
    if (this.#guarded.size === 0) return undefined
    const oids = [...this.#guarded.keys()]
    // A file that is empty now was truncated, not rewritten.
    const rows = await watched.query<{ oid: number; filenode: number }>(
      `SELECT oid::int8::float8 AS oid, relfilenode::int8::float8 AS filenode FROM pg_class
        WHERE oid = ANY ($1::oid[]) AND relfilenode <> 0 AND pg_relation_size(oid) > 0`,
      [oids],
    )
    const changed = rows.find(({ oid, filenode }) => this.#guarded.get(oid)?.filenode !== filenode)
    return changed && this.#guarded.get(changed.oid)?.table
  }

  /** Who was in the way when it was last looked. */
  get blockers(): readonly Blocker[] {
    return this.#blockers
  }

  #hear({ routine, message }: Notice): void {
    const work = works[routine ?? '']
    const found = work && this.#timer && work.pattern.exec(message ?? '')
    if (!found) return
    const name = found[1]
    if (name !== undefined && ![...this.#guarded.values()].some(({ table }) => table.name === name)) return
    const danger = message?.startsWith('rewriting') ? 'rewrite' : work.danger
    this.#follow(this.#judge(danger, name))
  }

  async #judge(danger: Danger, name: string | undefined): Promise<void> {
    const rows = await this.#own.query<{ oid: number; mode: string }>(strongLocks, [
      this.#pid,
      [...this.#guarded.keys()],
      name ?? null,
    ])
    const [lock] = rows
    // The message of a foreign key names no table. Reading a new one that refers to a large one is quick; only when every
    // table that is locked for it is guarded, the one that is read surely is.
    if (name === undefined && !(await this.#isEveryLockGuarded())) return
    const table = lock && this.#guarded.get(lock.oid)?.table
    if (!table) return
    const did =
      { rewrite: 'write the whole table anew', build: 'build an index' }[danger as string] ?? 'read the whole table'
    await this.#stop(
      `PostgreSQL began to ${did} of ${titleOf(table)} (${sizeOf(table)}) while it holds ${lock.mode} on it; it was stopped at once. ` +
        `Do it beside the traffic, or say why it does no harm: -- tenfold: allow ${danger} of ${titleOf(table)}: REASON`,
    )
  }

  async #isEveryLockGuarded(): Promise<boolean> {
    const [row] = await this.#own.query<{ every: boolean | null }>(
      `SELECT bool_and(relation = ANY ($2::oid[])) AS every FROM pg_locks
        WHERE pid = $1 AND granted AND locktype = 'relation' AND mode = 'ShareRowExclusiveLock'`,
      [this.#pid, [...this.#guarded.keys()]],
    )
    return row?.every === true
  }

  #look(): void {
    if (this.#isLooking) return
    this.#isLooking = true
    const looking = Promise.all([this.#lookForWaiters(), this.#lookForBlockers()]).then(() => {})
    this.#follow(looking.finally(() => (this.#isLooking = false)))
  }

  async #lookForWaiters(): Promise<void> {
    const [waiter] = await this.#own.query<{ application: string; relation: string | null; ms: number }>(waitersQuery, [
      this.#pid,
      waitMsMax,
      this.#exempt,
    ])
    if (!waiter) return
    const where = waiter.relation ? ` for ${waiter.relation}` : ''
    await this.#stop(
      `it kept ${waiter.application || 'the app'} waiting${where} for ${Math.round(waiter.ms)} ms, the limit is ${waitMsMax} ms. ` +
        'Put what takes long into a file of its own, as a batch, or beside the traffic (CONCURRENTLY, NOT VALID and VALIDATE)',
    )
  }

  async #lookForBlockers(): Promise<void> {
    const blockers = await this.#own.query<Blocker & { [column: string]: unknown }>(blockersQuery, [this.#pid])
    if (blockers.length > 0) this.#blockers = blockers
  }

  async #stop(problem: string): Promise<void> {
    this.#verdict ??= new TenfoldError(
      'bad-input',
      `migration ${this.#name}: ${problem}; nothing of the transaction was applied`,
    )
    await this.#own.query('SELECT pg_cancel_backend($1)', [this.#pid])
  }

  /** A watch whose connection is lost says nothing; the migration's own connection will say it. */
  #follow(work: Promise<void>): void {
    const done = work.catch(() => {}).finally(() => this.#pending.delete(done))
    this.#pending.add(done)
  }
}

/** A table with its partitions, each with the file that it is in. */
export async function relationsOf(
  owner: OwnerConnection,
  { schema, name }: Pick<TableBefore, 'schema' | 'name'>,
): Promise<Array<{ oid: number; filenode: number }>> {
  return owner.query(
    `SELECT c.oid::int8::float8 AS oid, c.relfilenode::int8::float8 AS filenode
       FROM pg_class root JOIN pg_namespace n ON n.oid = root.relnamespace
       CROSS JOIN LATERAL (SELECT root.oid UNION SELECT relid FROM pg_partition_tree(root.oid)) AS tree (oid)
       JOIN pg_class c ON c.oid = tree.oid
      WHERE n.nspname = $1 AND root.relname = $2`,
    [schema, name],
  )
}

const buildQuery = `
  SELECT p.relid::regclass::text AS relation, p.phase, p.blocks_done::float8 / nullif(p.blocks_total, 0) AS share,
         nullif(p.current_locker_pid, 0)::int AS "lockerPid", a.application_name AS locker
    FROM pg_stat_progress_create_index p LEFT JOIN pg_stat_activity a ON a.pid = p.current_locker_pid
   WHERE p.pid = $1`

const strongLocks = `
  SELECT l.relation::int8::float8 AS oid, l.mode
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
   WHERE l.pid = $1 AND l.granted AND l.relation = ANY ($2::oid[]) AND ($3::text IS NULL OR c.relname = $3)
     AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
   LIMIT 1`

const waitersQuery = `
  SELECT a.application_name AS application, w.relation::regclass::text AS relation,
         extract(epoch FROM clock_timestamp() - w.waitstart)::float8 * 1000 AS ms
    FROM pg_locks w JOIN pg_stat_activity a ON a.pid = w.pid AND a.usename = 'app'
   WHERE NOT w.granted AND w.waitstart < clock_timestamp() - $2 * interval '1 millisecond'
     AND $1 = ANY (pg_blocking_pids(w.pid)) AND NOT coalesce(w.relation = ANY ($3::oid[]), false)
   LIMIT 1`

const blockersQuery = `
  SELECT a.pid, a.application_name AS application, a.xact_start::text AS since, a.query_start::text AS "queryStart",
         left(a.query, 200) AS query
    FROM unnest(pg_blocking_pids($1)) AS b (pid) JOIN pg_stat_activity a ON a.pid = b.pid`
