// Statements that PostgreSQL does not run inside a transaction, or that must not hold one open: each is a step of its own,
// and each can be run again after it was killed in the middle.

import { type ParsedFile, type Statement, treeOf } from './check/sql.ts'
import { buildIndex, dropIndex, reindex } from './concurrent-index.ts'
import { buildMsMax, type MigrationRun } from './run.ts'
import { validateConstraint, validationOf } from './validate.ts'

/** duplicate_object: a value that was added before we could note it. */
const duplicateObject = '42710'

export function isOutside({ tree }: Statement): boolean {
  if (tree.IndexStmt?.concurrent || tree.DropStmt?.concurrent || tree.VacuumStmt || validationOf(tree)) return true
  if (tree.AlterEnumStmt?.newVal !== undefined && tree.AlterEnumStmt.oldVal === undefined) return true
  return (tree.ReindexStmt?.params ?? []).some((param) => treeOf(param).DefElem?.defname === 'concurrently')
}

/** `wasStarted`: it may have been done in part, or in whole, by a run that was killed. */
export async function runOutside(
  run: MigrationRun,
  file: ParsedFile,
  statement: Statement,
  wasStarted: boolean,
): Promise<void> {
  const { owner } = run
  const { tree, text } = statement
  // A build waits for old transactions without keeping anybody out; to give up after half a second would only waste it.
  await owner.query(`SET lock_timeout = 0; SET statement_timeout = ${buildMsMax}`)
  const untold = run.watch.tell(run.report)
  try {
    const validation = validationOf(tree)
    if (tree.IndexStmt) await buildIndex(run, { statement: tree.IndexStmt, source: statement, wasStarted })
    else if (tree.DropStmt) await dropIndex(run, { statement: tree.DropStmt, text, wasStarted })
    else if (tree.ReindexStmt) await reindex(run, { statement: tree.ReindexStmt, text })
    else if (validation) await validateConstraint(run, file, statement, validation)
    else
      await owner.query(text).catch((error: { code?: string }) => {
        if (!wasStarted || error.code !== duplicateObject) throw error
      })
  } finally {
    untold()
    await owner.query('RESET lock_timeout; RESET statement_timeout').catch(() => {})
  }
}
