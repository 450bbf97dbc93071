// A file that goes step by step: each statement by itself, recorded when it is done, so that the next run goes on where
// one was killed. It is not one transaction: when a statement fails, those before it stay, and the file may be mended
// from there on.

import { createHash } from 'node:crypto'
import { TenfoldError } from '../../../base/errors.ts'
import { runBatches } from './batches.ts'
import type { ParsedFile, Statement } from './check/sql.ts'
import { refuseStranger } from './concurrent-index.ts'
import { isOutside, runOutside } from './outside.ts'
import { withPatience } from './patience.ts'
import { failed, type MigrationRun } from './run.ts'
import { StepRecord } from './step-record.ts'
import { beginTransaction, commit, ensureLeavesOf, runStatement } from './transaction.ts'

export async function applySteps(run: MigrationRun, file: ParsedFile): Promise<void> {
  const { owner, report } = run
  const { name, checksum } = file.file
  const record = await StepRecord.open(owner, name)
  const checksums = file.statements.map(({ text }) => createHash('sha256').update(text).digest('hex'))
  refuseChanged(file, record, checksums)
  for (const [index, statement] of file.statements.entries()) {
    if (record.isDone(index)) continue
    report(`migration ${name}: step ${index + 1} of ${file.statements.length}`)
    const rest =
      index === 0
        ? 'nothing of the file was applied'
        : `the statements before it stay applied; mend the file from there on`
    try {
      await applyStep(run, file, statement, { record, index, checksum: checksums[index] as string, rest })
    } catch (error) {
      throw failed(file, statement, error, rest)
    }
  }
  await owner.query('BEGIN')
  await owner.query('INSERT INTO tenfold.migrations (name, checksum) VALUES ($1, $2)', [name, checksum])
  await record.clear()
  await owner.query('COMMIT')
}

interface Step {
  record: StepRecord
  index: number
  checksum: string
  rest: string
}

async function applyStep(run: MigrationRun, file: ParsedFile, statement: Statement, step: Step): Promise<void> {
  const { record, index, checksum, rest } = step
  if (statement.batch !== undefined) {
    await record.start(index, checksum)
    await runBatches(run, file, statement, { rows: statement.batch, record, step: index })
    await record.finish(index, checksum)
  } else if (isOutside(statement)) {
    const wasStarted = record.isStarted(index, checksum)
    if (!wasStarted) await refuseStranger(run, statement)
    await record.start(index, checksum)
    await runOutside(run, file, statement, wasStarted)
    await record.finish(index, checksum)
  } else
    await withPatience(run, `migration ${file.file.name}, line ${statement.line},`, async () => {
      await beginTransaction(run)
      await runStatement(run, file, statement, rest)
      await ensureLeavesOf(run)
      await record.finish(index, checksum)
      await commit(run, file.file.name)
    })
}

function refuseChanged({ file, statements }: ParsedFile, record: StepRecord, checksums: readonly string[]): void {
  const changed = record.find((step) => step.isDone && checksums[step.index] !== step.checksum)
  if (!changed) return
  const line = statements[changed.index]?.line
  throw new TenfoldError(
    'conflict',
    `migration ${file.name}: its statement ${changed.index + 1}${line ? ` (line ${line})` : ''} was changed after it was done; restore it, and change only what comes after`,
  )
}
