// Between Kysely and the router: compiles for one target and runs the result, with one promise on the way.

import {
  type AbortableQueryOptions,
  type CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  DefaultQueryExecutor,
  type DialectAdapter,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresDialect,
  type QueryId,
  type QueryResult,
  type RootOperationNode,
  Transaction,
} from 'kysely'
import { TenfoldError } from '../../base/errors.ts'
import type { CommitNotice } from './contract.ts'
import type { SlotCompiler, Target } from './slot-compiler.ts'
import type { Statement } from './statement.ts'
import type { TransactionSession } from './transaction-session.ts'

/** Runs one compiled statement: by itself, or inside of a transaction. */
export type Run = (text: string, values: readonly unknown[], signal?: AbortSignal) => Promise<Statement>

const adapter: DialectAdapter = new PostgresAdapter()

export class SlotExecutor extends DefaultQueryExecutor {
  readonly #compiler: SlotCompiler
  readonly #target: Target
  readonly #run: Run

  constructor(compiler: SlotCompiler, target: Target, run: Run) {
    super(compiler, adapter, connectionProviderOf(run))
    this.#compiler = compiler
    this.#target = target
    this.#run = run
  }

  override compileQuery<R>(node: RootOperationNode, queryId: QueryId): CompiledQuery<R> {
    return this.#compiler.compileFor<R>(this.#target, node, queryId)
  }

  // Kysely's own way takes six promises, and its abort would let a write be cancelled under way (deadline.ts).
  override executeQuery<R>(query: CompiledQuery, options?: AbortableQueryOptions): Promise<QueryResult<R>> {
    return this.#run(query.sql, query.parameters, options?.signal).then(resultOf) as Promise<QueryResult<R>>
  }
}

/** The executor of a transaction. */
export class TransactionExecutor extends SlotExecutor implements CommitNotice {
  readonly #session: TransactionSession

  constructor(compiler: SlotCompiler, target: Target, session: TransactionSession) {
    super(compiler, target, (text, values) => session.query(text, values))
    this.#session = session
  }

  afterCommit(work: () => void): void {
    this.#session.onCommitted.push(work)
  }
}

/** Kysely's result. Changed rows are counted for INSERT, UPDATE, DELETE and MERGE only, as Kysely's own driver does. */
function resultOf({ rows, tag, count }: Statement): QueryResult<unknown> {
  const isWrite =
    tag.startsWith('INSERT') || tag.startsWith('UPDATE') || tag.startsWith('DELETE') || tag.startsWith('MERGE')
  return isWrite ? { rows, numAffectedRows: BigInt(count) } : { rows }
}

/** For executors that Kysely derives from ours: a plugin, a schema. */
function connectionProviderOf(run: Run): ConnectionProvider {
  const connection: DatabaseConnection = {
    executeQuery: <R>(query: CompiledQuery, options?: AbortableQueryOptions) =>
      run(query.sql, query.parameters, options?.signal).then(resultOf) as Promise<QueryResult<R>>,
    streamQuery(): never {
      throw new TenfoldError('bad-input', 'stream() would keep a connection across requests; read page by page instead')
    },
  }
  return { provideConnection: (consumer) => consumer(connection) }
}

/** Kysely over an executor of ours. Its own transaction() is refused: it could not be repeated at a fence. */
export function kyselyOf<DB>(executor: SlotExecutor): Kysely<DB> {
  return new Kysely<DB>({ config: { dialect }, dialect, driver, executor })
}

export function transactionOf<DB>(executor: SlotExecutor): Transaction<DB> {
  return new Transaction<DB>({ config: { dialect }, dialect, driver, executor })
}

const refuse = () =>
  Promise.reject(
    new TenfoldError('bad-input', 'use db.of(key).transaction(work): it is repeated when the primary moves'),
  )

const driver: Driver = {
  init: async () => {},
  destroy: async () => {},
  acquireConnection: refuse,
  releaseConnection: async () => {},
  beginTransaction: refuse,
  commitTransaction: refuse,
  rollbackTransaction: refuse,
}

const dialect = new PostgresDialect({ pool: refuse })
