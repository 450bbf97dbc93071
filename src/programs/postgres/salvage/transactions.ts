// Puts the rows of test_decoding together to the lines of a salvage file, holding no more than one line of it.

import type { SalvagedChange, SalvagedLine, SalvagedRow } from './format.ts'
import type { TableKeys } from './table-keys.ts'
import { type Decoded, type DecodedRow, parseDecoded, type TableName } from './test-decoding.ts'

/** A line ends with the change that reaches one of these. */
const changesPerLineMax = 500
const lineCharactersMax = 1024 * 1024

/** Leaves of sharded tables: `slot_007`, after moves `slot_007_3`. */
const slotSchema = /^slot_(\d{3,})(?:_\d+)?$/

export interface Assembled {
  /** Every transaction, also those without a change of a row. */
  xids: Set<number>
  /** With at least one change. */
  transactions: number
  changes: number
}

/** Calls `write` for each line, one at a time. Transactions that changed no row get none. */
export async function assembleTransactions(
  rows: AsyncIterable<{ lsn: string; data: string }>,
  keys: TableKeys,
  write: (line: SalvagedLine) => Promise<void>,
): Promise<Assembled> {
  const total: Assembled = { xids: new Set(), transactions: 0, changes: 0 }
  let xid = 0
  let [changes, characters, isContinued] = [[] as SalvagedChange[], 0, false]
  for await (const { lsn, data } of rows) {
    const decoded = parseDecoded(data)
    if (decoded.kind === 'begin') xid = decoded.xid
    else if (decoded.kind === 'commit') {
      total.xids.add(xid)
      if (changes.length > 0 || isContinued) {
        total.transactions++
        await write({ xid, changes, committedAt: decoded.committedAt, lsn })
      }
      ;[changes, characters, isContinued] = [[], 0, false]
    } else {
      const more = changesOf(decoded, keys)
      changes.push(...more)
      total.changes += more.length
      characters += data.length
      if (changes.length < changesPerLineMax && characters < lineCharactersMax) continue
      await write({ xid, changes, continued: true })
      ;[changes, characters, isContinued] = [[], 0, true]
    }
  }
  return total
}

function changesOf(decoded: Decoded, keys: TableKeys): SalvagedChange[] {
  switch (decoded.kind) {
    case 'insert': {
      const { table, row } = decoded
      const { columns } = keys.of(table)
      const key = row ? pick(row.values, columns) : null
      return [{ ...placeOf(table), kind: 'insert', key, ...(row && { values: Object.fromEntries(row.values) }) }]
    }
    case 'update': {
      const { table, old, row } = decoded
      const { columns, isLogged } = keys.of(table)
      // Without an old key the key has stayed as it is.
      const key = isLogged ? pick(old ?? row?.values ?? new Map(), columns) : null
      return [
        {
          ...placeOf(table),
          kind: 'update',
          key,
          ...(row && { values: Object.fromEntries(row.values) }),
          ...(row && row.unchanged.length > 0 && { unchanged: row.unchanged }),
          ...oldOf(old, key),
        },
      ]
    }
    case 'delete': {
      const { table, old } = decoded
      const { columns, isLogged } = keys.of(table)
      const key = isLogged && old ? pick(old, columns) : null
      return [{ ...placeOf(table), kind: 'delete', key, ...oldOf(old, key) }]
    }
    case 'truncate':
      return decoded.tables.map((table) => ({ ...placeOf(table), kind: 'truncate', key: null }))
    default:
      return []
  }
}

function placeOf({ schema, name }: TableName): Pick<SalvagedChange, 'schema' | 'table' | 'slot'> {
  const slot = slotSchema.exec(schema)?.[1]
  return { schema, table: name, ...(slot !== undefined && { slot: Number(slot) }) }
}

/** Null when a column of the key is not there, or when there is no key. */
function pick(values: DecodedRow, columns: readonly string[]): SalvagedRow | null {
  if (columns.length === 0 || !columns.every((column) => values.has(column))) return null
  // Not by assignment: a column may be called __proto__.
  return Object.fromEntries(columns.map((column) => [column, values.get(column) ?? null]))
}

/** Only what the key does not say already. */
function oldOf(old: DecodedRow | undefined, key: SalvagedRow | null): { old?: SalvagedRow } {
  return old && old.size > Object.keys(key ?? {}).length ? { old: Object.fromEntries(old) } : {}
}
