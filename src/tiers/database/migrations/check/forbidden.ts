// What no file of migrations may contain, whatever the table's size: it would take the runner's own tools out of its hand.

import { TenfoldError } from '../../../../base/errors.ts'
import { type ParsedFile, type Statement, treeOf } from './sql.ts'

/** Settings that the promise to the app hangs on. */
const ownSettings = new Set([
  'lock_timeout',
  'statement_timeout',
  'transaction_timeout',
  'client_min_messages',
  'session_authorization',
  'role',
])

/** A file that commits by itself could leave half of its work behind, unrecorded. */
const endings: Readonly<Record<string, string>> = {
  TRANS_STMT_BEGIN: 'BEGIN',
  TRANS_STMT_START: 'START TRANSACTION',
  TRANS_STMT_COMMIT: 'COMMIT',
  TRANS_STMT_ROLLBACK: 'ROLLBACK',
  TRANS_STMT_PREPARE: 'PREPARE TRANSACTION',
  TRANS_STMT_COMMIT_PREPARED: 'COMMIT PREPARED',
  TRANS_STMT_ROLLBACK_PREPARED: 'ROLLBACK PREPARED',
}

/** @throws bad-input */
export function refuseForbidden(file: ParsedFile, { tree, line }: Statement): void {
  const refuse = (problem: string): never => {
    throw new TenfoldError('bad-input', `migration ${file.file.name}, line ${line}: ${problem}`)
  }
  const ending = endings[tree.TransactionStmt?.kind ?? '']
  if (ending) refuse(`each file is one transaction already; leave out ${ending}`)
  const setting = tree.VariableSetStmt?.name ?? ''
  if (ownSettings.has(setting))
    refuse(`leave ${setting} to the migration runner: no request waits longer than it allows`)
  if (tree.VariableSetStmt?.kind === 'VAR_RESET_ALL') refuse('leave the settings to the migration runner')
  if (tree.DiscardStmt) refuse('DISCARD would let go of the lock that keeps other migrations out')
  if (tree.CopyStmt?.is_from && tree.CopyStmt.filename === undefined)
    refuse('COPY FROM STDIN has no input here; use INSERT ... VALUES')
  const isDetachedBeside = tree.AlterTableStmt?.cmds?.some((node) => {
    const command = treeOf(node).AlterTableCmd
    return command?.subtype === 'AT_DetachPartition' && treeOf(command.def).PartitionCmd?.concurrent
  })
  // Readers of the parent would miss the partition's rows while it waits, and a run that is killed leaves it half detached.
  if (isDetachedBeside)
    refuse('write DETACH PARTITION without CONCURRENTLY: it is short, and the runner asks for its lock in turns')
}
