// Brings a database to the app's schema: plain SQL files in the order of their names, each once, while the app goes on.
//
// Several processes may start at once: one of them holds the lock and works, the others then find nothing to do. All that
// is pending is judged before the first file is applied (check/). After each file every sharded table has its leaves
// (leaves.ts).

import { TenfoldError } from '../../../base/errors.ts'
import { applyFile } from './apply-file.ts'
import { checkFiles, isNamed, smallBytesMax, throwRefused, type Verdict } from './check/check.ts'
import type { Danger } from './check/directives.ts'
import { estimateRows } from './check/estimate.ts'
import { readSchema } from './check/read-schema.ts'
import { emptySchema, keyOf, type SchemaBefore } from './check/schema.ts'
import { findNodes, type ParsedFile, parseFile, treeOf } from './check/sql.ts'
import { type MigrationFile, type MigrationSource, readSources } from './files.ts'
import { type OwnerAddress, OwnerConnection } from './owner-connection.ts'
import type { MigrationRun } from './run.ts'
import { stepBookkeeping } from './step-record.ts'
import { Watch } from './watch.ts'

export interface MigrateOptions {
  /** The primary, as its role `owner`. */
  connection: OwnerAddress
  /** Applied in this order: the tiers' own first, then the app's. */
  sources: readonly MigrationSource[]
  /** Hears of each file before it is applied, of what takes long, and of warnings. */
  onProgress?: (message: string) => void
  /** How long each transaction asks for its locks before it gives up; see patience.ts. */
  patienceMs?: number
}

/** Any two processes that migrate one database must use the same number. */
const advisoryLock = 0x7e4f01d

/**
 * Applies what is pending; answers the names of what it applied, as `source/file`. May be called at once by many, and
 * again after it was killed at any point.
 * @throws bad-input when a file would keep the app waiting, or its SQL fails, with file and line; conflict when an
 * applied file was changed since, or when a lock was not to be had, with who holds it; unavailable when the server is lost.
 */
export async function migrate({
  connection,
  sources,
  onProgress,
  patienceMs,
}: MigrateOptions): Promise<{ applied: string[] }> {
  const files = await readSources(sources)
  const owner = await OwnerConnection.open(connection)
  let watching: OwnerConnection | undefined
  try {
    if (pendingOf(files, await recorded(owner)).length === 0) return { applied: [] }
    await owner.lock(advisoryLock)
    await owner.query(bookkeeping)
    const pending = await Promise.all(pendingOf(files, await recorded(owner)).map(parseFile))
    const before = await readSchema(owner)
    const report = (message: string) => onProgress?.(message)
    const verdicts = await checkFiles(pending, before, { estimateRows: (statement) => estimateRows(owner, statement) })
    throwRefused(verdicts)
    for (const { verdict, message } of verdicts) if (verdict !== 'small') report(message)
    watching = await OwnerConnection.open(connection, 'tenfold migrate (watch)')
    const run = { owner, watch: new Watch(watching, owner), report, ...(patienceMs && { patienceMs }) }
    for (const file of pending) await applyWatched(run, file, before)
    return { applied: pending.map(({ file }) => file.name) }
  } finally {
    await watching?.close()
    await owner.close()
  }
}

/** What would be refused, allowed or warned of, without doing any of it. */
export async function checkMigrations({
  connection,
  sources,
}: Pick<MigrateOptions, 'connection' | 'sources'>): Promise<{
  pending: string[]
  verdicts: Verdict[]
}> {
  const files = await readSources(sources)
  const owner = await OwnerConnection.open(connection)
  try {
    const pending = await Promise.all(pendingOf(files, await recorded(owner)).map(parseFile))
    const before = pending.length === 0 ? emptySchema : await readSchema(owner)
    const verdicts = await checkFiles(pending, before, { estimateRows: (statement) => estimateRows(owner, statement) })
    return { pending: pending.map(({ file }) => file.name), verdicts }
  } finally {
    await owner.close()
  }
}

/** Whoever allows one of these expects PostgreSQL to begin it. */
const longWork = new Set<Danger>(['rewrite', 'scan', 'build'])

async function applyWatched(run: MigrationRun, file: ParsedFile, before: SchemaBefore): Promise<void> {
  run.report(`migration ${file.file.name}`)
  const tables = [...before.tables.values()]
  const allowed = tables.filter((table) => file.allowances.some((allowance) => isNamed(allowance.table, table)))
  const worked = tables.filter((table) =>
    file.allowances.some((allowance) => isNamed(allowance.table, table) && longWork.has(allowance.danger)),
  )
  // TRUNCATE builds the indexes of what is empty then.
  const truncated = findNodes(file.statements, 'TruncateStmt').flatMap(({ relations }) =>
    (relations ?? []).flatMap((node) => keyOf(treeOf(node).RangeVar ?? {})),
  )
  const guarded = tables.filter(
    (table) =>
      table.bytes > smallBytesMax && !worked.includes(table) && !truncated.includes(`${table.schema}.${table.name}`),
  )
  await run.watch.begin(file.file.name, guarded, allowed)
  // A SET of the file before must not reach into this one.
  await run.owner.query('RESET ALL')
  await applyFile(run, file)
}

const bookkeeping = `
  CREATE SCHEMA IF NOT EXISTS tenfold;
  CREATE TABLE IF NOT EXISTS tenfold.migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  );${stepBookkeeping}`

/** Checksums by name. One query, since most starts end here. */
async function recorded(owner: OwnerConnection): Promise<Map<string, string>> {
  try {
    const rows = await owner.query<{ name: string; checksum: string }>('SELECT name, checksum FROM tenfold.migrations')
    return new Map(rows.map(({ name, checksum }) => [name, checksum]))
  } catch (error) {
    const isMissing = (error as { code?: string }).code === '42P01'
    if (isMissing) return new Map()
    throw error
  }
}

function pendingOf(files: readonly MigrationFile[], done: ReadonlyMap<string, string>): MigrationFile[] {
  return files.filter(({ name, path, checksum }) => {
    const known = done.get(name)
    if (known !== undefined && known !== checksum)
      throw new TenfoldError(
        'conflict',
        `migration ${name} was changed after it was applied (${path}): restore it, and put the change into a new file`,
      )
    return known === undefined
  })
}
