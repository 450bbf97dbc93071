// `tenfold db salvage`: writes that an asynchronous failover lost: which there are, and doing them again.

import { resolve } from 'node:path'
import type { LeftOut, SalvagedChange } from '../control/api.ts'
import { openSalvageFile, type SalvagedTransaction } from '../programs/postgres/salvage/file.ts'
import type { SalvagedRow, SalvageHeader } from '../programs/postgres/salvage/format.ts'
import { listSalvages } from '../supervisor/replication/salvage.ts'
import { salvageFileOf } from '../supervisor/replication/salvage-replay.ts'
import { type Command, type TargetSystem, UsageError, wholeNumber } from './command.ts'

/** What a person can read; --json has all. */
const shownByDefault = 50
const changesShownMax = 20
const valueCharactersMax = 60
const conflictsShownMax = 50

export const dbSalvage: Command = {
  name: 'db salvage',
  usage: 'list | show [FILE] [--limit N] | replay [FILE] [--dry-run]',
  summary: 'writes that a failover lost: read them, do them again',
  options: { 'dry-run': { type: 'boolean' }, limit: { type: 'string' } },
  words: [1, 2],
  async run(target, [what, file], values) {
    if (what === 'list' && file === undefined) return list(target)
    if (what === 'show') {
      const limit = values['limit'] === undefined ? shownByDefault : wholeNumber(String(values['limit']), '--limit')
      return show(target, file, limit)
    }
    if (what === 'replay') return replay(target, file, values['dry-run'] === true)
    throw new UsageError(`db salvage does list, show and replay, not ${[what, file].filter(Boolean).join(' ')}`)
  },
}

async function list(target: TargetSystem): Promise<void> {
  const salvages = await listSalvages(target.home)
  const rows = salvages.map(
    ({ file, at, node, transactions, complete }) =>
      `${file}\n  ${at}  ${count(transactions, 'transaction')} that only ${node} had${complete ? '' : '; NOT ALL of them'}`,
  )
  target.print({ salvages }, rows.length > 0 ? rows.join('\n') : 'no write was ever found to be lost')
}

/** Piece by piece, also as JSON: a file may be larger than memory. */
async function show(target: TargetSystem, name: string | undefined, limit: number): Promise<void> {
  const path = name?.includes('/') ? resolve(name) : await salvageFileOf(target.home, name)
  await using file = await openSalvageFile(path)
  const write = (text: string) =>
    new Promise<void>((done, failed) => process.stdout.write(text, (error) => (error ? failed(error) : done())))
  if (target.isJson) {
    await write(`{"file":${JSON.stringify(path)},"header":${JSON.stringify(file.header)},"transactions":[`)
    for await (const { changes, ...transaction } of file.transactions) {
      await write(`${transaction.position > 1 ? ',' : ''}{${JSON.stringify(transaction).slice(1, -1)},"changes":[`)
      let comma = ''
      for await (const change of changes()) {
        await write(`${comma}${JSON.stringify(change)}`)
        comma = ','
      }
      await write(']}')
    }
    return write(']}\n')
  }
  await write(`${describeHeader(path, file.header)}\n`)
  for await (const transaction of file.transactions) {
    if (transaction.position > limit) {
      await write(`… ${file.header.transactions - limit} more; --limit N or --json shows them\n`)
      break
    }
    await write(`${await describeTransaction(transaction)}\n`)
  }
}

async function replay(target: TargetSystem, name: string | undefined, isDryRun: boolean): Promise<void> {
  const client = await target.client()
  const report = await client.replaySalvage({ ...(name !== undefined && { file: name }), dryRun: isDryRun })
  const verb = isDryRun ? 'would be replayed' : 'replayed'
  target.print(
    report,
    [
      `${report.file}: ${count(report.replayed, 'transaction')} ${verb}, ${report.replayedBefore} were before, ${report.leftOut} left out, of ${report.transactions}`,
      ...report.conflicts.slice(0, conflictsShownMax).map(describeConflict),
      ...(report.leftOut > conflictsShownMax ? ['… more of them with --json'] : []),
      ...report.notes,
    ].join('\n'),
  )
}

function describeHeader(path: string, header: SalvageHeader): string {
  return [
    path,
    `${count(header.transactions, 'transaction')} with ${count(header.changes, 'change')}, committed on ${header.node} and on no other server of ${header.shard}; since ${header.at} it is timeline ${header.timeline}`,
    ...header.problems.map((problem) => `NOT ALL: ${problem}`),
  ].join('\n')
}

async function describeTransaction({ position, xid, committedAt, changeCount, changes }: SalvagedTransaction) {
  const rows: string[] = []
  for await (const change of changes()) {
    if (rows.length === changesShownMax) {
      rows.push(`    … ${changeCount - rows.length} more`)
      break
    }
    rows.push(`    ${describeChange(change)}`)
  }
  return [`#${position}  ${committedAt}  ${count(changeCount, 'change')}  (xid ${xid})`, ...rows].join('\n')
}

function describeChange(change: SalvagedChange): string {
  const { kind, key, values, unchanged } = change
  const others = Object.entries(values ?? {}).filter(([column, value]) => key?.[column] !== value)
  return [
    kind.padEnd(6),
    tableOf(change).padEnd(20),
    key ? describeRow(Object.entries(key)) : '(no key)',
    ...(others.length > 0 ? ['->', describeRow(others)] : []),
    ...(unchanged ? [`(${unchanged.join(', ')}: as it was)`] : []),
  ].join(' ')
}

function describeConflict(conflict: LeftOut): string {
  const row = conflict.key ? describeRow(Object.entries(conflict.key)) : ''
  return `#${conflict.position} left out: ${conflict.kind} ${tableOf(conflict)} ${row}: ${conflict.message}`
}

function tableOf({ schema, table, slot }: Pick<SalvagedChange, 'schema' | 'table' | 'slot'>): string {
  if (slot !== undefined) return `${table} (slot ${slot})`
  return schema === 'public' ? table : `${schema}.${table}`
}

/** On one line, and without what would steer the terminal. */
function describeRow(cells: ReadonlyArray<[string, SalvagedRow[string]]>): string {
  const short = (value: string | null) => {
    if (value === null) return 'null'
    const text = value.length > valueCharactersMax ? `${value.slice(0, valueCharactersMax)}…` : value
    return /^[\w.:+-]+$/.test(text) ? text : JSON.stringify(text)
  }
  return cells.map(([column, value]) => `${column}=${short(value)}`).join(' ')
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
