// VALIDATE CONSTRAINT reads a table while everybody reads and writes it (SHARE UPDATE EXCLUSIVE). Of a sharded table it is
// done leaf by leaf, so that a run that was killed goes on at the leaf where it was.

import { type ParsedFile, type Statement, treeOf } from './check/sql.ts'
import { lockTimeoutMs, withPatience } from './patience.ts'
import { buildMsMax, type MigrationRun } from './run.ts'

export interface Validation {
  schema: string
  table: string
  constraint: string
}

/** ALTER TABLE with nothing but VALIDATE CONSTRAINT. */
export function validationOf({ AlterTableStmt: alter }: Statement['tree']): Validation | undefined {
  const [only, ...others] = alter?.cmds ?? []
  const command = treeOf(only).AlterTableCmd
  if (others.length > 0 || command?.subtype !== 'AT_ValidateConstraint') return undefined
  const { schemaname = 'public', relname = '' } = alter?.relation ?? {}
  return { schema: schemaname, table: relname, constraint: command.name ?? '' }
}

export async function validateConstraint(
  run: MigrationRun,
  file: ParsedFile,
  statement: Statement,
  { schema, table, constraint }: Validation,
): Promise<void> {
  const { owner, report } = run
  const leaves = await owner.query<{ sql: string }>(leafValidations, [schema, table, constraint])
  for (const [index, { sql }] of leaves.entries()) {
    if (index % 16 === 0)
      report(`migration ${file.file.name}: validating ${constraint}, leaf ${index + 1} of ${leaves.length}`)
    await once(run, `validating ${constraint} of ${table}`, sql)
  }
  // The parent finds its leaves valid, and only notes it.
  await once(run, `validating ${constraint} of ${table}`, statement.text)
}

/** The lock is had or not within the usual patience; the reading may then take its time. */
function once(run: MigrationRun, what: string, sql: string): Promise<void> {
  return withPatience(run, what, async () => {
    await run.owner.query(
      `BEGIN; SET LOCAL lock_timeout = ${lockTimeoutMs}; SET LOCAL statement_timeout = ${buildMsMax}`,
    )
    await run.owner.query(sql)
    await run.owner.query('COMMIT')
  })
}

/** A foreign key has a child on each leaf (conparentid); CHECK and NOT NULL are inherited by name. */
const leafValidations = `
  SELECT format('ALTER TABLE %s VALIDATE CONSTRAINT %I', c.conrelid::regclass, c.conname) AS sql
    FROM pg_class root JOIN pg_namespace n ON n.oid = root.relnamespace
    JOIN pg_constraint parent ON parent.conrelid = root.oid AND parent.conname = $3
    CROSS JOIN LATERAL pg_partition_tree(root.oid) AS tree
    JOIN pg_constraint c ON c.conrelid = tree.relid AND NOT c.convalidated
     AND (c.conparentid = parent.oid OR (c.conname = parent.conname AND c.coninhcount > 0))
   WHERE n.nspname = $1 AND root.relname = $2 AND tree.isleaf AND tree.level > 0
   ORDER BY c.conrelid::regclass::text`
