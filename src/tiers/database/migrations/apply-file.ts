// One migration file. Most are one transaction, together with the leaves that they call for and the record that they were
// applied. A file with a statement that cannot run in one goes step by step (steps.ts).

import type { ParsedFile } from './check/sql.ts'
import { isOutside } from './outside.ts'
import { withPatience } from './patience.ts'
import type { MigrationRun } from './run.ts'
import { applySteps } from './steps.ts'
import { beginTransaction, commit, ensureLeavesOf, runStatement } from './transaction.ts'

export async function applyFile(run: MigrationRun, file: ParsedFile): Promise<void> {
  const isStepwise = file.statements.some((statement) => statement.batch !== undefined || isOutside(statement))
  if (isStepwise) return applySteps(run, file)
  await withPatience(run, `migration ${file.file.name}`, () => applyOnce(run, file))
}

async function applyOnce(run: MigrationRun, file: ParsedFile): Promise<void> {
  const { owner } = run
  await beginTransaction(run)
  for (const statement of file.statements) await runStatement(run, file, statement, 'nothing of the file was applied')
  await ensureLeavesOf(run)
  const { name, checksum } = file.file
  await owner.query('INSERT INTO tenfold.migrations (name, checksum) VALUES ($1, $2)', [name, checksum])
  await commit(run, name)
}
