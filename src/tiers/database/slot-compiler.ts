// Compiles Kysely's statements for one slot: a sharded table is named with the slot's schema, `"slot_007"."photos"`.
//
// It names tables while the SQL is written, and so costs no second walk over the statement as a plugin would. Only
// places that name a table get the schema; in `photos.id` the bare name is right, since PostgreSQL lets a table of
// any schema be referred to by its last name. A name that a WITH clause defines means that clause's rows.

import {
  AliasNode,
  type CommonTableExpressionNode,
  type CompiledQuery,
  type OperationNode,
  PostgresQueryCompiler,
  type QueryId,
  type RootOperationNode,
  type SelectQueryNode,
  type TableNode,
  type WithNode,
} from 'kysely'
import { TenfoldError } from '../../base/errors.ts'
import { CompiledMemo } from './compiled-memo.ts'
import { slotCount } from './hash.ts'
import { type Catalog, emptyCatalog, schemaOfSlot } from './slots.ts'

/** The clauses in which a table's name stands for the table itself. */
const tablePlaces = new Set<OperationNode['kind']>([
  'FromNode',
  'JoinNode',
  'UsingNode',
  'InsertQueryNode',
  'UpdateQueryNode',
  'DeleteQueryNode',
  'MergeQueryNode',
  'ListNode',
  'AliasNode',
  'RawNode', // sql.table('photos')
])

/** What the names of sharded tables mean in a statement; nowhere: they may not be named. */
export type Target = { slot: number } | { slots: readonly number[] } | 'nowhere'

export class SlotCompiler extends PostgresQueryCompiler {
  readonly #memo = new CompiledMemo()
  #catalog: Catalog = emptyCatalog
  #target: Target = 'nowhere'
  #withNames: string[] = []

  set catalog(catalog: Catalog) {
    this.#catalog = catalog
    this.#memo.clear()
  }

  get catalog(): Catalog {
    return this.#catalog
  }

  /** Compiles a statement for the tables that `target` means. */
  compileFor<R>(target: Target, query: RootOperationNode, queryId: QueryId): CompiledQuery<R> {
    this.#target = target
    const compile = () => this.compileQuery(query, queryId)
    // A scatter's slots change with the map: not worth remembering.
    if (typeof target === 'object' && 'slots' in target) return compile() as CompiledQuery<R>
    const place = target === 'nowhere' ? slotCount : target.slot
    const { sql, parameters } = this.#memo.compile(query, place, compile)
    return { query, queryId, sql, parameters }
  }

  protected override visitTable(node: TableNode): void {
    const parent = this.parentNode
    if (parent && tablePlaces.has(parent.kind) && this.#isSharded(node)) this.#visitSharded(node, AliasNode.is(parent))
    else super.visitTable(node)
  }

  #isSharded({ table: { schema, identifier } }: TableNode): boolean {
    return !schema && this.#catalog.sharded.has(identifier.name) && !this.#withNames.includes(identifier.name)
  }

  #visitSharded(node: TableNode, hasAlias: boolean): void {
    const target = this.#target
    if (target === 'nowhere') {
      const table = node.table.identifier.name
      throw new TenfoldError('bad-input', `table ${table} is sharded: reach it by db.of(key) or db.scatter`)
    }
    if ('slots' in target) this.#union(node, target.slots, hasAlias)
    else {
      this.append(`"${schemaOfSlot(target.slot)}".`)
      super.visitTable(node)
    }
  }

  /** All leaves of some slots as one table. PostgreSQL plans it as it plans a partitioned table. */
  #union(node: TableNode, slots: readonly number[], hasAlias: boolean): void {
    this.append('(')
    slots.forEach((slot, index) => {
      this.append(`${index > 0 ? ' union all ' : ''}select * from "${schemaOfSlot(slot)}".`)
      super.visitTable(node)
    })
    this.append(')')
    if (hasAlias) return
    this.append(' as ')
    super.visitTable(node)
  }

  protected override visitWith(node: WithNode): void {
    // A recursive WITH sees its own names from the start, any other only those before it.
    if (node.recursive) for (const expression of node.expressions) this.#withNames.push(nameOf(expression))
    super.visitWith(node)
  }

  protected override visitCommonTableExpression(node: CommonTableExpressionNode): void {
    const outside = this.#withNames.length
    super.visitCommonTableExpression(node)
    this.#withNames.length = outside
    this.#withNames.push(nameOf(node))
  }

  /** Names that a subquery's WITH clause defines end with the subquery. */
  protected override visitSelectQuery(node: SelectQueryNode): void {
    const outside = this.#withNames.length
    super.visitSelectQuery(node)
    this.#withNames.length = outside
  }

  override compileQuery(...args: Parameters<PostgresQueryCompiler['compileQuery']>) {
    this.#withNames.length = 0
    return super.compileQuery(...args)
  }
}

function nameOf(expression: CommonTableExpressionNode): string {
  return expression.name.table.table.identifier.name
}
