// What apps and tiers hold: db.of(key), db.scatter, db.reference, db.shards (contract.ts), over one router.

import type { CompiledQuery, Kysely, Transaction } from 'kysely'
import { TenfoldError } from '../../base/errors.ts'
import { causality } from './causality/causality.ts'
import type {
  Database,
  Key,
  ReadFrom,
  ReferenceDatabase,
  ScatterOptions,
  ShardDatabase,
  ShardQueryOptions,
  SlotDatabase,
  TransactionOptions,
} from './contract.ts'
import { slotCount } from './hash.ts'
import { kyselyOf, SlotExecutor, TransactionExecutor, transactionOf } from './kysely-executor.ts'
import type { DatabaseRouter } from './router.ts'
import { scatter } from './scatter.ts'
import { SlotCompiler } from './slot-compiler.ts'
import { slotOfKey } from './slots.ts'
import { noTerms, type Terms } from './terms.ts'

/** The database over a running router. Costs nothing until it is used; closed with the router. */
export function openDatabase<DB>(router: DatabaseRouter): Database<DB> {
  const compiler = new SlotCompiler()
  router.onCatalog((catalog) => {
    compiler.catalog = catalog
  })
  const slots: Array<SlotDatabase<DB> | undefined> = []
  const slotDatabase = (slot: number): SlotDatabase<DB> => {
    slots[slot] ??= openSlot(router, compiler, slot, noTerms)
    return slots[slot]
  }
  return {
    of: (key: Key) => slotDatabase(slotOfKey(key, compiler.catalog)),
    slot: slotDatabase,
    slotOf: (key: Key) => slotOfKey(key, compiler.catalog),
    scatter: <Row>(statement: (db: Kysely<DB>) => { execute(): Promise<Row[]> }, options: ScatterOptions<Row> = {}) =>
      scatter(router, compiler, statement, options),
    reference: openReference(router, compiler, noTerms),
    shards: () => router.shards.map((id) => openShard(router, id)),
    causality,
  }
}

function openSlot<DB>(router: DatabaseRouter, compiler: SlotCompiler, slot: number, terms: Terms): SlotDatabase<DB> {
  if (!Number.isInteger(slot) || slot < 0 || slot >= slotCount)
    throw new TenfoldError('bad-input', `slot ${slot} is none of 0..${slotCount - 1}`)
  const target = { slot }
  const run = (text: string, values: readonly unknown[], signal?: AbortSignal) =>
    router.query(slot, text, values, withSignal(terms, signal))
  const db = kyselyOf<DB>(new SlotExecutor(compiler, target, run))
  const bound: Omit<SlotDatabase<DB>, 'fn' | 'dynamic'> = {
    slot,
    selectFrom: db.selectFrom.bind(db),
    selectNoFrom: db.selectNoFrom.bind(db),
    insertInto: db.insertInto.bind(db),
    updateTable: db.updateTable.bind(db),
    deleteFrom: db.deleteFrom.bind(db),
    mergeInto: db.mergeInto.bind(db),
    with: db.with.bind(db),
    withRecursive: db.withRecursive.bind(db),
    transaction: <T>(work: (tx: Transaction<DB>) => Promise<T>, options: TransactionOptions = {}) =>
      router.transaction(
        slot,
        (session) => work(transactionOf<DB>(new TransactionExecutor(compiler, target, session))),
        { ...terms, ...options },
      ),
    execute: async <Row>(query: CompiledQuery<Row>, options?: { signal?: AbortSignal }) =>
      (await run(query.sql, query.parameters, options?.signal)).rows as Row[],
    ...narrowing(terms, (narrower) => openSlot<DB>(router, compiler, slot, narrower)),
  }
  return Object.assign(bound, { fn: db.fn, dynamic: db.dynamic }) as SlotDatabase<DB>
}

/** Reference tables. A write reaches one shard only, and so is refused where there are several. */
function openReference<DB>(router: DatabaseRouter, compiler: SlotCompiler, terms: Terms): ReferenceDatabase<DB> {
  const run = async (text: string, values: readonly unknown[], signal?: AbortSignal) => {
    const [shard, ...others] = router.shards
    if (shard === undefined) throw new TenfoldError('closed', 'the database router is not running')
    if (others.length > 0 && !router.isRead(text))
      throw new TenfoldError(
        'not-built',
        'a reference table cannot be written over several shards yet; use a migration',
      )
    return router.query(shard, text, values, withSignal(terms, signal))
  }
  const narrower = narrowing(terms, (inner) => openReference<DB>(router, compiler, inner))
  return Object.assign(kyselyOf<DB>(new SlotExecutor(compiler, 'nowhere', run)), narrower)
}

function openShard(router: DatabaseRouter, id: string): ShardDatabase {
  return {
    id,
    async query<Row>(text: string, values: readonly unknown[] = [], terms: ShardQueryOptions = noTerms) {
      return (await router.query(id, text, values, terms)).rows as Row[]
    },
  }
}

function narrowing<Self>(terms: Terms, open: (terms: Terms) => Self) {
  const narrower: Partial<Record<ReadFrom, Self>> = {}
  return {
    from(from: ReadFrom) {
      if (from !== 'primary' && from !== 'replica')
        throw new TenfoldError('bad-input', `from() takes "primary" or "replica"; got ${String(from)}`)
      narrower[from] ??= open({ ...terms, from })
      return narrower[from]
    },
    within(ms: number) {
      if (!(ms > 0)) throw new TenfoldError('bad-input', `within() takes milliseconds, more than none; got ${ms}`)
      return open({ ...terms, withinMs: ms })
    },
  }
}

function withSignal(terms: Terms, signal: AbortSignal | undefined): Terms {
  return signal === undefined ? terms : { ...terms, signal }
}
