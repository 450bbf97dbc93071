// CREATE INDEX CONCURRENTLY, DROP INDEX CONCURRENTLY and REINDEX CONCURRENTLY, on plain and on sharded tables, so that
// each can be killed at any moment and run again.
//
// PostgreSQL builds no index concurrently on a partitioned table. The long way, which the author does not see: an index of
// the parent alone, which is empty and not valid yet; then one on each leaf, concurrently, each attached when it is ready.
// With the last of them the parent's becomes valid. Source: PostgreSQL 18, "Partition Maintenance" (5.12.2.2).

import type { DropStmt, IndexStmt, ReindexStmt } from 'libpg-query'
import pg from 'pg'
import { TenfoldError } from '../../../base/errors.ts'
import { keyOfNames } from './check/schema.ts'
import { type Statement, scanSql, treeOf } from './check/sql.ts'
import { lockTimeoutMs, withPatience } from './patience.ts'
import type { MigrationRun } from './run.ts'

const { escapeIdentifier } = pg

interface Build {
  statement: IndexStmt
  source: Statement
  wasStarted: boolean
}

interface FoundIndex {
  isValid: boolean
  isOnTable: boolean
}

/** Data that the index cannot hold: a second row of a unique key, a value too long. Another run would meet it, too. */
const dataError = /^(22|23|54)/

/**
 * Before a build or a drop is recorded as begun. Afterwards an index of this name counts as its own work, left by a run
 * that was killed; so a stranger's must be seen now. @throws bad-input
 */
export async function refuseStranger({ owner }: MigrationRun, { tree }: Statement): Promise<void> {
  const exists = async (name: string) => {
    const [row] = await owner.query<{ oid: string | null }>('SELECT to_regclass($1)::text AS oid', [name])
    return row?.oid !== null
  }
  const { IndexStmt: index, DropStmt: drop } = tree
  if (index?.idxname && !index.if_not_exists) {
    const name = nameOf(index.relation?.schemaname ?? 'public', index.idxname)
    if (await exists(name)) throw new TenfoldError('bad-input', `relation ${name} already exists`)
  }
  if (drop && !drop.missing_ok) {
    const name = nameOfKey(keyOfNames(treeOf(drop.objects?.[0])))
    if (!(await exists(name))) throw new TenfoldError('bad-input', `index ${name} does not exist`)
  }
}

export async function buildIndex(run: MigrationRun, build: Build): Promise<void> {
  const { owner } = run
  const { statement, source, wasStarted } = build
  const { idxname, relation } = statement
  if (!idxname || !relation?.relname)
    throw new TenfoldError(
      'bad-input',
      'CREATE INDEX CONCURRENTLY needs a name, so that a run that was killed finds it',
    )
  const schema = relation.schemaname ?? 'public'
  const [table] = await owner.query<{ kind: string }>(
    'SELECT c.relkind AS kind FROM pg_class c WHERE c.oid = to_regclass($1)',
    [nameOf(schema, relation.relname)],
  )
  const isOurs = wasStarted || statement.if_not_exists === true
  if (table?.kind === 'p' && relation.inh) return buildOnLeaves(run, build, schema, relation.relname, idxname)
  const found = isOurs ? await findIndex(run, schema, idxname, nameOf(schema, relation.relname)) : undefined
  if (found?.isValid) return
  if (found) await dropInvalid(run, schema, idxname)
  try {
    await owner.query(source.text)
  } catch (error) {
    await cleanUp(error, () => dropInvalid(run, schema, idxname))
    throw error
  }
}

async function buildOnLeaves(
  run: MigrationRun,
  build: Build,
  schema: string,
  table: string,
  index: string,
): Promise<void> {
  const { owner, report } = run
  const parentIndex = nameOf(schema, index)
  const unique = build.statement.unique ? 'UNIQUE ' : ''
  const rest = await afterTable(build)
  const isOurs = build.wasStarted || build.statement.if_not_exists === true
  const found = isOurs ? await findIndex(run, schema, index, nameOf(schema, table)) : undefined
  if (found?.isValid) return
  if (!found && (await isEmpty(run, nameOf(schema, table)))) {
    // A system's first start: nobody waits for an index of nothing, and one statement does for two on each leaf.
    const whole = `CREATE ${unique}INDEX ${escapeIdentifier(index)} ON ${nameOf(schema, table)}${rest}`
    return briefly(run, `index ${index}`, whole)
  }
  const parent = `CREATE ${unique}INDEX ${escapeIdentifier(index)} ON ONLY ${nameOf(schema, table)}${rest}`
  if (!found) await briefly(run, `index ${index}`, parent)
  const leaves = await owner.query<Leaf>(leavesWithout, [nameOf(schema, table), parentIndex])
  try {
    for (const [at, leaf] of leaves.entries()) {
      if (at % 8 === 0) report(`index ${index}: ${at} of ${leaves.length} leaves`)
      const name = nameOf(leaf.schema, index)
      const onLeaf = await findIndex(run, leaf.schema, index, leaf.table)
      if (onLeaf && !onLeaf.isOnTable)
        throw new TenfoldError(
          'conflict',
          `${name} exists already and is no index of ${leaf.table}; choose another name`,
        )
      if (onLeaf && !onLeaf.isValid) await dropInvalid(run, leaf.schema, index)
      if (!onLeaf?.isValid)
        await owner.query(`CREATE ${unique}INDEX CONCURRENTLY ${escapeIdentifier(index)} ON ${leaf.table}${rest}`)
      await briefly(run, `attaching index ${name}`, `ALTER INDEX ${parentIndex} ATTACH PARTITION ${name}`)
    }
  } catch (error) {
    await cleanUp(error, async () => {
      for (const leaf of leaves) await dropInvalid(run, leaf.schema, index)
      // Takes the attached ones with it; those that were built and not attached yet are named like it.
      await briefly(run, `dropping index ${index}`, `DROP INDEX IF EXISTS ${parentIndex}`)
      for (const leaf of leaves) await owner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${nameOf(leaf.schema, index)}`)
    })
    throw error
  }
}

/** Not a page in any leaf. */
async function isEmpty({ owner }: MigrationRun, table: string): Promise<boolean> {
  const [row] = await owner.query<{ isEmpty: boolean }>(
    `SELECT coalesce(sum(pg_relation_size(relid)), 0) = 0 AS "isEmpty"
       FROM pg_partition_tree(to_regclass($1)) WHERE isleaf`,
    [table],
  )
  return row?.isEmpty === true
}

interface Leaf {
  schema: string
  /** Quoted, with its schema. */
  table: string
}

export async function dropIndex(
  run: MigrationRun,
  { statement, text, wasStarted }: { statement: DropStmt; text: string; wasStarted: boolean },
): Promise<void> {
  const { owner } = run
  const name = nameOfKey(keyOfNames(treeOf(statement.objects?.[0])))
  const [index] = await owner.query<{ kind: string | null }>(
    'SELECT (SELECT relkind FROM pg_class WHERE oid = to_regclass($1)) AS kind',
    [name],
  )
  if (wasStarted && index?.kind === null) return
  // One of a partitioned table can only be dropped at once with all of its leaves': a change of the catalog alone, and
  // short, once the locks are had.
  if (index?.kind === 'I') await briefly(run, `dropping index ${name}`, `DROP INDEX IF EXISTS ${name}`)
  else await owner.query(text)
}

export async function reindex(
  run: MigrationRun,
  { statement, text }: { statement: ReindexStmt; text: string },
): Promise<void> {
  const { schemaname, relname } = statement.relation ?? {}
  const target = relname === undefined ? null : nameOf(schemaname ?? 'public', relname)
  await dropLeftovers(run, target)
  try {
    await run.owner.query(text)
  } catch (error) {
    await cleanUp(error, () => dropLeftovers(run, target))
    throw error
  }
}

/** What a REINDEX CONCURRENTLY that was killed leaves behind: invalid copies named `..._ccnew` or `..._ccold`. */
async function dropLeftovers({ owner }: MigrationRun, target: string | null): Promise<void> {
  const rows = await owner.query<{ name: string }>(
    `SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND c.relkind = 'i'
        AND ($1::text IS NULL OR i.indrelid IN
             (SELECT coalesce(x.indrelid, r.oid) FROM pg_class r LEFT JOIN pg_index x ON x.indexrelid = r.oid
               WHERE r.oid = to_regclass($1) UNION SELECT relid FROM pg_partition_tree(to_regclass($1))))`,
    [target],
  )
  for (const { name } of rows) await owner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`)
}

/** DDL that only changes the catalog, in a transaction of its own. */
function briefly(run: MigrationRun, what: string, sql: string): Promise<void> {
  return withPatience(run, what, async () => {
    await run.owner.query(`BEGIN; SET LOCAL lock_timeout = ${lockTimeoutMs}`)
    await run.owner.query(sql)
    await run.owner.query('COMMIT')
  })
}

async function findIndex(
  { owner }: MigrationRun,
  schema: string,
  index: string,
  table: string,
): Promise<FoundIndex | undefined> {
  const [row] = await owner.query<{ isValid: boolean; isOnTable: boolean }>(
    `SELECT coalesce(i.indisvalid AND i.indisready, false) AS "isValid",
            coalesce(i.indrelid = to_regclass($2), false) AS "isOnTable"
       FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid WHERE c.oid = to_regclass($1)`,
    [nameOf(schema, index), table],
  )
  return row
}

/** Never a valid one, and never one that belongs to a partitioned table. */
async function dropInvalid({ owner }: MigrationRun, schema: string, index: string): Promise<void> {
  const [row] = await owner.query(
    `SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE i.indexrelid = to_regclass($1) AND NOT i.indisvalid AND c.relkind = 'i' AND NOT c.relispartition`,
    [nameOf(schema, index)],
  )
  if (row) await owner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${nameOf(schema, index)}`)
}

/** After an error that would come again, nothing is left; after any other, what was built waits for the next run. */
async function cleanUp(error: unknown, work: () => Promise<void>): Promise<void> {
  const { code = '' } = error as { code?: string }
  if (dataError.test(code)) await work().catch(() => {}) // the first error tells more
}

/** What the author wrote behind the table's name: `USING ... (...) INCLUDE ... WHERE ...`. */
async function afterTable({ statement, source: { text, start } }: Build): Promise<string> {
  const at = (statement.relation?.location ?? 0) - start
  const words = (await scanSql(text)).filter((word) => !word.isComment && word.start >= at)
  const name = words[words[1]?.text === '.' ? 2 : 0]
  return ` ${Buffer.from(text).subarray(name?.end).toString().trim()}`
}

function nameOfKey(key: string): string {
  const at = key.indexOf('.')
  return nameOf(key.slice(0, at), key.slice(at + 1))
}

function nameOf(schema: string, name: string): string {
  return `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`
}

/** Leaves of a table on which an index has no attached part yet. */
const leavesWithout = `
  SELECT n.nspname AS schema, format('%I.%I', n.nspname, c.relname) AS table
    FROM pg_partition_tree(to_regclass($1)) AS tree
    JOIN pg_class c ON c.oid = tree.relid
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE tree.isleaf AND NOT EXISTS (
     SELECT FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid
      WHERE h.inhparent = to_regclass($2) AND i.indrelid = c.oid)
   ORDER BY 1, 2`
