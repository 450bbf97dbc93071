// Judges files before they run: what in them would keep the app waiting, and how to write it so that it does not.

import { TenfoldError } from '../../../../base/errors.ts'
import type { Finding, Rule } from './finding.ts'
import { refuseForbidden } from './forbidden.ts'
import { columnRule } from './rules/columns.ts'
import { constraintRule } from './rules/constraints.ts'
import { indexRule } from './rules/indexes.ts'
import { rowsRule } from './rules/rows.ts'
import { removalRule, tableRule } from './rules/tables.ts'
import { Schema, type SchemaBefore, titleOf } from './schema.ts'
import type { ParsedFile, Statement } from './sql.ts'

/**
 * Up to this size, with all indexes, a table is small: it is read or written anew in a tenth of a second or two, about as
 * long as a lock may be waited for. A sharded table without a row has about 1.5 MB.
 */
export const smallBytesMax = 10 * 1024 * 1024

/** Rows that one transaction may change at once in a table that is not small. */
export const rowsAtOnceMax = 10_000

export const rules: readonly Rule[] = [columnRule, constraintRule, indexRule, tableRule, rowsRule, removalRule]

export interface Verdict {
  file: string
  line: number
  danger: Finding['danger']
  table: string
  /** `refuse`: the file is not run. `allowed`: its author said why. `small`: the table is, on this server. */
  verdict: 'refuse' | 'allowed' | 'small' | 'warn'
  message: string
}

export interface CheckOptions {
  /** How many rows PostgreSQL expects a statement to change; undefined when it cannot say. */
  estimateRows?: (statement: Statement) => Promise<number | undefined>
}

/** Looks at all of the files, in their order. @throws bad-input for what no migration may do: see forbidden.ts. */
export async function checkFiles(
  files: readonly ParsedFile[],
  before: SchemaBefore,
  { estimateRows }: CheckOptions = {},
): Promise<Verdict[]> {
  const schema = new Schema(before)
  const verdicts: Verdict[] = []
  for (const file of files)
    for (const statement of file.statements) {
      refuseForbidden(file, statement)
      const found = rules.flatMap((rule) => rule(statement, schema))
      const rows = found.some(({ isByRows }) => isByRows) ? await estimateRows?.(statement) : undefined
      const isFew = rows !== undefined && rows <= rowsAtOnceMax
      for (const finding of found) if (!finding.isByRows || !isFew) verdicts.push(judge(file, statement, finding))
      schema.note(statement)
    }
  return verdicts
}

/** @throws bad-input that names every statement which is refused, and the way to write it. */
export function throwRefused(verdicts: readonly Verdict[]): void {
  const refused = verdicts.filter(({ verdict }) => verdict === 'refuse')
  const [first] = refused
  if (!first) return
  const more =
    refused.length > 1 ? `${refused.length} statements would keep the app waiting; nothing was applied\n\n` : ''
  throw new TenfoldError('bad-input', `${more}${refused.map(({ message }) => message).join('\n\n')}`, {
    details: { refused },
  })
}

function judge(file: ParsedFile, { line }: Statement, finding: Finding): Verdict {
  const { danger, table, problem, instead, gravity } = finding
  const title = titleOf(table)
  const allowance = file.allowances.find((one) => one.danger === danger && isNamed(one.table, table))
  const isSmall = table.bytes <= smallBytesMax
  const verdict = allowance ? 'allowed' : gravity === 'warn' ? 'warn' : isSmall ? 'small' : 'refuse'
  const place = `migration ${file.file.name}, line ${line}`
  const advice = [
    ...(instead.length > 0 ? ['  Write instead:', ...instead.map((text) => `    ${text}`)] : []),
    ...(gravity === 'refuse' ? [`  Or say why it does no harm: -- tenfold: allow ${danger} of ${title}: REASON`] : []),
  ]
  const message =
    verdict === 'allowed'
      ? `${place}: ${problem}; allowed: ${allowance?.reason}`
      : verdict === 'small'
        ? `${place}: ${problem}; taken here, where it is small (up to ${smallBytesMax / 1024 / 1024} MB)`
        : [`${place}: ${problem}`, ...advice].join('\n')
  return { file: file.file.name, line, danger, table: title, verdict, message }
}

export function isNamed(name: string, table: { schema: string; name: string }): boolean {
  return name === `${table.schema}.${table.name}` || (table.schema === 'public' && name === table.name)
}
