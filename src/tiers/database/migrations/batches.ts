// A change of many rows in short transactions, beside the traffic:
//
//   -- tenfold: batch of 1000
//   UPDATE photos SET caption_key = lower(caption) WHERE caption_key IS NULL;
//
// The author's statement is run as it stands. Its table's name means, for the length of a batch, a view of a few pages of
// one leaf: a temporary view of the same name, which PostgreSQL finds first and writes through. So a table is walked once
// from its first page to its last, and no batch looks for its rows behind those that are done. (ctid, with a range of
// constants, is a Tid Range Scan.)
//
// Rows move while others write them, so a walk that changed something is followed by another, until one changes nothing.
// Where it was is kept in the transaction of each batch: whoever is killed goes on at that page.

import pg from 'pg'
import { systemClock } from '../../../base/clock.ts'
import { TenfoldError } from '../../../base/errors.ts'
import { quoted } from './check/finding.ts'
import { type ParsedFile, type Statement, treeOf } from './check/sql.ts'
import { lockTimeoutMs, withPatience } from './patience.ts'
import type { MigrationRun } from './run.ts'
import type { StepRecord } from './step-record.ts'

const { escapeIdentifier } = pg

/** A longer batch is halved: for so long its rows are locked. */
const batchMsMax = 200
/** Pages where few rows match. */
const pagesMax = 4_096
/** Walks over one leaf; more means that the app keeps writing rows that the statement finds. */
const walksMax = 10
/** After a batch others get as long as it took, so that a backfill has half of the disk at most. */
const restMsMax = 1_000
const pageBytes = 8_192
const rowsPerPageUnknown = 50

interface Progress {
  leaf: number
  page: number
  walk: number
  /** In this walk of this leaf. */
  changed: number
  total: number
  /** The statement was seen to leave its own rows alone. */
  isProven: boolean
}

interface Leaf {
  schema: string
  table: string
  pages: number
  rowsPerPage: number
}

export async function runBatches(
  run: MigrationRun,
  file: ParsedFile,
  statement: Statement,
  { rows, record, step }: { rows: number; record: StepRecord; step: number },
): Promise<void> {
  const { owner, report } = run
  const table = tableOf(file, statement)
  const leaves = await owner.query<Leaf & { [column: string]: unknown }>(leavesQuery, [table])
  const state: Progress = {
    leaf: 0,
    page: 0,
    walk: 1,
    changed: 0,
    total: 0,
    isProven: statement.tree.UpdateStmt === undefined,
    ...(record.progress(step) as Partial<Progress> | undefined),
  }
  for (; state.leaf < leaves.length; Object.assign(state, { leaf: state.leaf + 1, page: 0, walk: 1, changed: 0 })) {
    const leaf = leaves[state.leaf] as Leaf
    report(
      `migration ${file.file.name}: batches of ${table}, leaf ${state.leaf + 1} of ${leaves.length}, ${state.total} rows`,
    )
    await enterLeaf(run, table, leaf)
    await walkLeaf(run, file, statement, { table, leaf, rows, state, save: () => record.saveProgress(step, state) })
  }
  await owner.query(`DROP VIEW IF EXISTS pg_temp.${escapeIdentifier(table)}; RESET search_path`)
  report(`migration ${file.file.name}: ${state.total} rows of ${table} changed in batches`)
}

interface Walk {
  table: string
  leaf: Leaf
  rows: number
  state: Progress
  save: () => Promise<void>
}

async function walkLeaf(run: MigrationRun, file: ParsedFile, statement: Statement, walk: Walk): Promise<void> {
  const { leaf, rows, state } = walk
  let pages = Math.max(1, Math.floor(rows / leaf.rowsPerPage))
  for (;;) {
    const last = await pagesOf(run, leaf)
    while (state.page < last) {
      const from = { ...state }
      const started = systemClock.monotonic()
      const changed = await withPatience(run, `a batch of ${walk.table}`, async () => {
        Object.assign(state, from)
        return runBatch(run, file, statement, walk, pages)
      })
      const tookMs = systemClock.monotonic() - started
      if (tookMs > batchMsMax || changed > rows) pages = Math.max(1, pages >> 1)
      else if (changed * 2 <= rows) pages = Math.min(pagesMax, pages * 2)
      if (changed > 0) await systemClock.sleep(Math.min(restMsMax, tookMs))
    }
    if (state.changed === 0) return
    if (state.walk === walksMax)
      throw new TenfoldError(
        'conflict',
        `migration ${file.file.name}, line ${statement.line}: after ${walksMax} walks over ${leaf.schema}.${leaf.table} the statement still finds rows; first deploy a release that writes them as it would`,
      )
    Object.assign(state, { walk: state.walk + 1, page: 0, changed: 0 })
  }
}

async function runBatch(
  { owner }: MigrationRun,
  file: ParsedFile,
  statement: Statement,
  { table, leaf, state, save }: Walk,
  pages: number,
): Promise<number> {
  const to = state.page + pages
  await owner.query(`BEGIN; SET LOCAL lock_timeout = ${lockTimeoutMs}`)
  await owner.query(`SELECT set_config('tenfold.from', $1, true), set_config('tenfold.to', $2, true)`, [
    `(${state.page},0)`,
    `(${to},0)`,
  ])
  const changed = await owner.change(statement.text)
  if (changed > 0 && !state.isProven) {
    await prove(owner, file, statement, table, leaf)
    state.isProven = true
  }
  state.page = to
  state.changed += changed
  state.total += changed
  await save()
  await owner.query('COMMIT')
  return changed
}

/** A statement that finds what it has just written would change it again on every walk: `SET n = n + 1`. */
async function prove(
  owner: MigrationRun['owner'],
  file: ParsedFile,
  statement: Statement,
  table: string,
  leaf: Leaf,
): Promise<void> {
  await owner.query(viewOf(table, leaf, 'xmin = pg_current_xact_id()::xid'))
  const again = await owner.change(statement.text)
  if (again > 0)
    throw new TenfoldError(
      'bad-input',
      `migration ${file.file.name}, line ${statement.line}: the statement finds the rows again that it has changed; give it a WHERE that they no longer meet`,
    )
  await owner.query(viewOf(table, leaf, pagesRange))
}

/** Names mean the leaf's slot from here on, as they do in db.of(key). */
async function enterLeaf({ owner }: MigrationRun, table: string, leaf: Leaf): Promise<void> {
  const path = ['pg_temp', ...(leaf.schema === 'public' ? [] : [leaf.schema]), 'public'].map(escapeIdentifier)
  await owner.query(
    `DROP VIEW IF EXISTS pg_temp.${escapeIdentifier(table)}; SET search_path = ${path.join(', ')};
     ${viewOf(table, leaf, pagesRange)}`,
  )
}

const pagesRange = `ctid >= current_setting('tenfold.from')::tid AND ctid < current_setting('tenfold.to')::tid`

function viewOf(table: string, leaf: Leaf, rows: string): string {
  const from = `${escapeIdentifier(leaf.schema)}.${escapeIdentifier(leaf.table)}`
  return `CREATE OR REPLACE TEMPORARY VIEW ${escapeIdentifier(table)} AS SELECT * FROM ${from} WHERE ${rows}`
}

async function pagesOf({ owner }: MigrationRun, { schema, table }: Leaf): Promise<number> {
  const [row] = await owner.query<{ bytes: string }>('SELECT pg_relation_size(to_regclass($1))::text AS bytes', [
    `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`,
  ])
  return Math.ceil(Number(row?.bytes ?? 0) / pageBytes)
}

/** The table whose rows are walked: what is changed, or what an INSERT reads. @throws bad-input for what cannot be repeated. */
function tableOf({ file }: ParsedFile, { tree, line }: Statement): string {
  const refuse = (problem: string): never => {
    throw new TenfoldError('bad-input', `migration ${file.name}, line ${line}: ${problem}`)
  }
  const { UpdateStmt: update, DeleteStmt: remove, InsertStmt: insert } = tree
  if (update && !update.whereClause)
    refuse('a batch is repeated until it changes no row; give it a WHERE that done rows no longer meet')
  if (insert && !insert.onConflictClause) refuse('a batch is repeated; give the INSERT an ON CONFLICT DO NOTHING')
  const sources = treeOf(insert?.selectStmt).SelectStmt?.fromClause ?? []
  const relation =
    update?.relation ?? remove?.relation ?? (sources.length === 1 ? treeOf(sources[0]).RangeVar : undefined)
  if (!relation?.relname) return refuse('a batch is an UPDATE, a DELETE, or an INSERT ... SELECT from one table')
  if (relation.schemaname !== undefined)
    return refuse(`write ${quoted(relation.relname)} without its schema: in a batch the name means a part of the table`)
  return relation.relname
}

/** Of a sharded table its leaves, else the table itself. */
const leavesQuery = `
  SELECT n.nspname AS schema, c.relname AS table,
         CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN greatest(1, c.reltuples / c.relpages)
              ELSE ${rowsPerPageUnknown} END AS "rowsPerPage"
    FROM (SELECT to_regclass('public.' || quote_ident($1))) AS root (oid)
    CROSS JOIN LATERAL (SELECT relid FROM pg_partition_tree(root.oid) WHERE isleaf
                        UNION SELECT oid FROM pg_class WHERE oid = root.oid AND relkind = 'r') AS leaf (oid)
    JOIN pg_class c ON c.oid = leaf.oid
    JOIN pg_namespace n ON n.oid = c.relnamespace
   ORDER BY n.nspname, c.relname`
