// What the rules know of the database: the tables that were there before, and what the statements so far have done.
//
// Files are judged before the first of them is applied, so that a refusal finds nothing half done. Therefore the picture
// moves on with every statement: a table that an earlier file makes is new, and nobody waits for it.

import type { RangeVar, TypeName } from 'libpg-query'
import { findNodes, lastName, type Statement, type Tree, treeOf } from './sql.ts'

export interface ColumnBefore {
  /** As in pg_type: `int4`, `varchar`. */
  type: string
  /** As in pg_attribute: -1 when the type has no length. */
  typmod: number
  isNotNull: boolean
}

export interface TableBefore {
  schema: string
  name: string
  /** With its indexes and, of a partitioned one, all partitions. */
  bytes: number
  isPartitioned: boolean
  columns: Map<string, ColumnBefore>
  /** Valid constraints that say IS NOT NULL, with the columns of which they do. */
  proofs: Map<string, string[]>
  /** Valid CHECK constraints, with the columns that each names: any change of their type has it checked anew. */
  checked: Map<string, string[]>
  /** Constraints that are NOT VALID yet, by name, and the columns that each would prove. */
  unproven: Map<string, string[]>
}

export interface IndexBefore {
  table: string
  columns: string[]
}

/** The picture as read from the server; see read-schema.ts. */
export interface SchemaBefore {
  tables: Map<string, TableBefore>
  indexes: Map<string, IndexBefore>
  /** Names of functions whose result differs from row to row. */
  volatileFunctions: Set<string>
  /** Domains with constraints of their own, and the tables that use them. */
  domains: Map<string, string[]>
}

export const emptySchema: SchemaBefore = {
  tables: new Map(),
  indexes: new Map(),
  volatileFunctions: new Set(),
  domains: new Map(),
}

export function keyOf({ schemaname, relname }: RangeVar): string {
  return `${schemaname ?? 'public'}.${relname ?? ''}`
}

/** How a person writes it. */
export function titleOf({ schema, name }: Pick<TableBefore, 'schema' | 'name'>): string {
  return schema === 'public' ? name : `${schema}.${name}`
}

export class Schema {
  readonly #before: SchemaBefore
  /** Of this run: made, or gone under this name. */
  #fresh = new Set<string>()
  #stableFunctions = new Set<string>()
  #newVolatile = new Set<string>()

  constructor(before: SchemaBefore) {
    // Columns and proofs change as statements are read; the caller's picture stays as it is.
    this.#before = structuredClone(before)
  }

  /** The table, when it was there before this run; undefined for new ones and for what is no table. */
  table(relation: RangeVar | undefined): TableBefore | undefined {
    if (!relation) return undefined
    const key = keyOf(relation)
    return this.#fresh.has(key) || relation.relpersistence === 't' ? undefined : this.#before.tables.get(key)
  }

  tableNamed(key: string): TableBefore | undefined {
    return this.#fresh.has(key) ? undefined : this.#before.tables.get(key)
  }

  index(relation: RangeVar | undefined): IndexBefore | undefined {
    return relation && this.#before.indexes.get(keyOf(relation))
  }

  indexNamed(key: string): IndexBefore | undefined {
    return this.#before.indexes.get(key)
  }

  /** All that were there before. */
  get tables(): TableBefore[] {
    return [...this.#before.tables].flatMap(([key, table]) => (this.#fresh.has(key) ? [] : [table]))
  }

  tablesOfDomain(name: string): TableBefore[] {
    return (this.#before.domains.get(name) ?? []).flatMap((key) => this.tableNamed(key) ?? [])
  }

  hasConstraints(type: TypeName | undefined): boolean {
    return this.#before.domains.has(lastName(type?.names))
  }

  /** Whether an expression may give each row another value. */
  isVolatile(expression: unknown): boolean {
    return findNodes(expression, 'FuncCall').some(({ funcname }) => {
      const name = lastName(funcname)
      if (this.#newVolatile.has(name)) return true
      return this.#before.volatileFunctions.has(name) && !this.#stableFunctions.has(name)
    })
  }

  /** Moves the picture on by a statement that was judged. */
  note({ tree }: Statement): void {
    const made = tree.CreateStmt?.relation ?? tree.CreateTableAsStmt?.into?.rel ?? tree.SelectStmt?.intoClause?.rel
    if (made && !this.#before.tables.has(keyOf(made))) this.#fresh.add(keyOf(made))
    if (tree.ViewStmt?.view) this.#fresh.add(keyOf(tree.ViewStmt.view))
    if (tree.RenameStmt) this.#noteRename(tree.RenameStmt)
    if (tree.DropStmt?.removeType === 'OBJECT_TABLE')
      for (const object of tree.DropStmt.objects ?? []) this.#fresh.add(keyOfNames(treeOf(object)))
    if (tree.CreateFunctionStmt) this.#noteFunction(tree.CreateFunctionStmt)
    if (tree.IndexStmt?.idxname && tree.IndexStmt.relation) this.#noteIndex(tree.IndexStmt)
    for (const command of tree.AlterTableStmt?.cmds ?? [])
      this.#noteCommand(tree.AlterTableStmt?.relation, treeOf(command).AlterTableCmd)
  }

  #noteRename({ renameType, relation, newname, subname }: NonNullable<Tree['RenameStmt']>): void {
    const table = this.table(relation)
    if (!relation || !table || newname === undefined) return
    if (renameType === 'OBJECT_TABLE') {
      const renamed = { ...table, name: newname }
      this.#before.tables.set(`${table.schema}.${newname}`, renamed)
      this.#fresh.delete(`${table.schema}.${newname}`)
      this.#fresh.add(keyOf(relation))
    }
    const column = renameType === 'OBJECT_COLUMN' && table.columns.get(subname ?? '')
    if (column) table.columns.set(newname, column)
  }

  #noteFunction({ funcname, options }: NonNullable<Tree['CreateFunctionStmt']>): void {
    const word = options?.map((option) => treeOf(option).DefElem).find((option) => option?.defname === 'volatility')
    const volatility = treeOf(word?.arg).String?.sval
    const name = lastName(funcname)
    if (volatility === undefined || volatility === 'volatile') this.#newVolatile.add(name)
    else this.#stableFunctions.add(name)
  }

  #noteIndex({ idxname, relation, indexParams }: NonNullable<Tree['IndexStmt']>): void {
    if (!relation) return
    const columns = (indexParams ?? []).flatMap((param) => treeOf(param).IndexElem?.name ?? [])
    this.#before.indexes.set(`${relation.schemaname ?? 'public'}.${idxname}`, { table: keyOf(relation), columns })
  }

  #noteCommand(relation: RangeVar | undefined, command: Tree['AlterTableCmd']): void {
    const table = this.table(relation)
    if (!table || !relation || !command) return
    const { subtype, name = '' } = command
    const constraint = treeOf(command.def).Constraint
    const column = treeOf(command.def).ColumnDef
    if (subtype === 'AT_AddColumn' && column?.colname) {
      const isNotNull = (column.constraints ?? []).some((node) => treeOf(node).Constraint?.contype === 'CONSTR_NOTNULL')
      table.columns.set(column.colname, { ...typeOf(column.typeName), isNotNull })
    } else if (subtype === 'AT_AlterColumnType') {
      const before = table.columns.get(name)
      table.columns.set(name, { ...typeOf(column?.typeName), isNotNull: before?.isNotNull ?? false })
    } else if (subtype === 'AT_SetNotNull') setNotNull(table, name, true)
    else if (subtype === 'AT_DropNotNull') setNotNull(table, name, false)
    else if (subtype === 'AT_AddConstraint' && constraint) noteConstraint(table, constraint)
    else if (subtype === 'AT_DropConstraint') dropConstraint(table, name)
    else if (subtype === 'AT_ValidateConstraint') {
      const columns = table.unproven.get(name)
      if (columns) table.proofs.set(name, columns)
    }
  }

  /**
   * The table as the other commands of an ALTER TABLE find it: PostgreSQL does whatever drops before all else, wherever it
   * stands. Source: AT_PASS_DROP in src/backend/commands/tablecmds.c.
   */
  afterDrops(statement: Tree['AlterTableStmt']): TableBefore | undefined {
    const found = this.table(statement?.relation)
    if (!found) return undefined
    const table = structuredClone(found)
    for (const node of statement?.cmds ?? []) {
      const { subtype, name = '' } = treeOf(node).AlterTableCmd ?? {}
      if (subtype === 'AT_DropNotNull') setNotNull(table, name, false)
      if (subtype === 'AT_DropConstraint') dropConstraint(table, name)
    }
    return table
  }
}

export function isNeverNull(table: TableBefore, column: string): boolean {
  if (table.columns.get(column)?.isNotNull) return true
  return [...table.proofs.values()].some((columns) => columns.includes(column))
}

function setNotNull(table: TableBefore, name: string, isNotNull: boolean): void {
  const column = table.columns.get(name)
  if (column) table.columns.set(name, { ...column, isNotNull })
}

function noteConstraint(table: TableBefore, constraint: NonNullable<Tree['Constraint']>): void {
  const { contype, conname = '', skip_validation: isNotValid } = constraint
  const columns = columnsProven(constraint)
  if (contype === 'CONSTR_CHECK') {
    const named = findNodes(constraint.raw_expr, 'ColumnRef').map(({ fields }) => lastName(fields))
    table.checked.set(conname, named)
  }
  if (isNotValid) table.unproven.set(conname, columns)
  else table.proofs.set(conname, columns)
}

function dropConstraint(table: TableBefore, name: string): void {
  for (const constraints of [table.checked, table.proofs, table.unproven]) constraints.delete(name)
}

/** Columns that cannot be null where a constraint holds: those of NOT NULL, and of IS NOT NULL joined by AND. */
export function columnsProven({ contype, keys, raw_expr }: NonNullable<Tree['Constraint']>): string[] {
  if (contype === 'CONSTR_NOTNULL') return (keys ?? []).flatMap((key) => treeOf(key).String?.sval ?? [])
  return contype === 'CONSTR_CHECK' ? columnsNotNull(treeOf(raw_expr)) : []
}

export function columnsNotNull(expression: Tree): string[] {
  const { NullTest: test, BoolExpr: bool } = expression
  if (bool?.boolop === 'AND_EXPR') return (bool.args ?? []).flatMap((arg) => columnsNotNull(treeOf(arg)))
  if (test?.nulltesttype !== 'IS_NOT_NULL') return []
  const column = lastName(treeOf(test.arg).ColumnRef?.fields)
  return column === '' ? [] : [column]
}

/** A type as the tree has it; a length that is written becomes PostgreSQL's typmod (see widening.ts). */
export function typeOf(typeName: TypeName | undefined): { type: string; typmod: number } {
  const type = lastName(typeName?.names)
  const [first, second = 0] = (typeName?.typmods ?? []).flatMap((node) => {
    const constant = treeOf(node).A_Const
    return constant?.ival ? [constant.ival.ival ?? 0] : []
  })
  const isArray = (typeName?.arrayBounds ?? []).length > 0
  if (first === undefined) return { type: isArray ? `_${type}` : type, typmod: -1 }
  if (type === 'varchar' || type === 'bpchar') return { type, typmod: first + 4 }
  if (type === 'numeric') return { type, typmod: ((first << 16) | (second & 0x7ff)) + 4 }
  return { type, typmod: first }
}

export function keyOfNames(object: Tree): string {
  const names = (object.List?.items ?? []).flatMap((item) => treeOf(item).String?.sval ?? [])
  const [schema, name] = names.length > 1 ? names.slice(-2) : ['public', names[0]]
  return `${schema}.${name}`
}
