// One read-only statement on every shard over all of its slots, and the shards' rows merged into one answer.
//
// Each table's leaves are named one by one (slot-compiler.ts), never their parent: a slot that has just moved away is
// then met as an error, not silently left out.

import type { CompiledQuery, Kysely } from 'kysely'
import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import type { ScatterOptions } from './contract.ts'
import { kyselyOf, SlotExecutor } from './kysely-executor.ts'
import type { DatabaseRouter } from './router.ts'
import type { SlotCompiler } from './slot-compiler.ts'
import type { Row, RowShape, Statement } from './statement.ts'

export async function scatter<DB, R>(
  router: DatabaseRouter,
  compiler: SlotCompiler,
  statement: (db: Kysely<DB>) => { execute(): Promise<R[]> },
  { orderBy = [], limit, from, withinMs, isPartial = false }: ScatterOptions<R>,
): Promise<R[]> {
  const terms = (signal?: AbortSignal) => ({
    ...(from && { from }),
    ...(withinMs !== undefined && { withinMs }),
    ...(signal && { signal }),
  })
  const asked = await Promise.allSettled(
    router.shards.map(async (shard) => {
      let answer: Statement | undefined
      const run = async (text: string, values: CompiledQuery['parameters'], signal?: AbortSignal) => {
        if (!router.isRead(text))
          throw new TenfoldError('bad-input', `scatter only reads; write with db.of(key): ${text.slice(0, 200)}`)
        answer = await router.query(shard, text, values, terms(signal))
        return answer
      }
      const executor = new SlotExecutor(compiler, { slots: router.slotsOf(shard) }, run)
      const rows = await statement(kyselyOf<DB>(executor)).execute()
      return { rows, shape: answer?.shape }
    }),
  )
  const answers = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  for (const each of asked)
    if (each.status === 'rejected' && !(isPartial && answers.length > 0 && isAway(each.reason))) throw each.reason
  const merged = answers.flatMap(({ rows }) => rows)
  const shape = answers[0]?.shape
  if (answers.length > 1 && shape) merged.sort(comparison(shape, orderBy))
  return limit === undefined ? merged : merged.slice(0, limit)
}

/** As against a statement that is wrong. */
function isAway(error: unknown): boolean {
  return isTenfoldError(error, 'unavailable') || isTenfoldError(error, 'timeout')
}

/** PostgreSQL's order of rows, for the types whose JavaScript values order otherwise: big integers and decimals are strings. */
function comparison<R>(shape: RowShape, orderBy: NonNullable<ScatterOptions<R>['orderBy']>) {
  const keys = orderBy.map(({ column, direction }) => {
    const type = shape.types[shape.names.indexOf(column)]
    if (type === undefined)
      throw new TenfoldError('bad-input', `scatter orders by ${column}, which the statement does not select`)
    return { column, sign: direction === 'asc' ? 1 : -1, compare: comparisons[type] ?? compareValues }
  })
  return (left: R, right: R): number => {
    for (const { column, sign, compare } of keys) {
      const a = (left as Row)[column]
      const b = (right as Row)[column]
      if (a === b) continue
      // Nulls come last in ascending order and first in descending order.
      const order = a === null ? 1 : b === null ? -1 : compare(a as never, b as never)
      if (order !== 0) return order * sign
    }
    return 0
  }
}

const comparisons: Readonly<Record<number, (a: never, b: never) => number>> = {
  20: (a: string, b: string) => compareValues(BigInt(a), BigInt(b)), // int8
  1700: (a: string, b: string) => Number(a) - Number(b), // numeric
}

function compareValues<V>(a: V, b: V): number {
  return a < b ? -1 : a > b ? 1 : 0
}
