// Indexes that are built or dropped while the table is locked.
// Source: PostgreSQL 18, CREATE INDEX "Building Indexes Concurrently", DROP INDEX, REINDEX.

import { type Finding, quoted, type Rule, refuse, sqlName, withSize } from '../finding.ts'
import { keyOfNames, type Schema } from '../schema.ts'
import { type Tree, treeOf } from '../sql.ts'

export const indexRule: Rule = ({ tree }, schema) => {
  if (tree.IndexStmt) return createIndex(tree.IndexStmt, schema)
  if (tree.ReindexStmt) return reindex(tree.ReindexStmt, schema)
  if (tree.DropStmt?.removeType === 'OBJECT_INDEX' && !tree.DropStmt.concurrent)
    return dropIndexes(tree.DropStmt, schema)
  return []
}

function createIndex(index: NonNullable<Tree['IndexStmt']>, schema: Schema): Finding[] {
  const table = schema.table(index.relation)
  if (index.concurrent || !table) return []
  const columns = (index.indexParams ?? []).map((param) => treeOf(param).IndexElem?.name ?? '')
  const name = quoted(index.idxname ?? [table.name, 'by', ...columns.filter(Boolean)].join('_'))
  const list = columns.map((column) => (column === '' ? '(...)' : quoted(column))).join(', ')
  return refuse(
    'build',
    table,
    `CREATE INDEX holds SHARE on ${withSize(table)} while it builds: nobody writes it meanwhile`,
    [`CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX CONCURRENTLY ${name} ON ${sqlName(table)} (${list});`],
  )
}

function reindex({ kind, relation, params }: NonNullable<Tree['ReindexStmt']>, schema: Schema): Finding[] {
  if ((params ?? []).some((param) => treeOf(param).DefElem?.defname === 'concurrently')) return []
  const index = kind === 'REINDEX_OBJECT_INDEX' ? schema.index(relation) : undefined
  const isWhole = relation === undefined
  const table = isWhole ? largestOf(schema) : index ? schema.tableNamed(index.table) : schema.table(relation)
  const problem =
    table &&
    `REINDEX holds SHARE on ${withSize(table)} and ACCESS EXCLUSIVE on each index: most reads and all writes wait`
  const what = isWhole
    ? 'TABLE CONCURRENTLY ...; table by table'
    : `${index ? 'INDEX' : 'TABLE'} CONCURRENTLY ${quoted(relation.relname ?? '')};`
  return refuse('build', table, problem ?? '', [`REINDEX ${what}`])
}

function dropIndexes({ objects }: NonNullable<Tree['DropStmt']>, schema: Schema): Finding[] {
  return (objects ?? []).flatMap((object) => {
    const key = keyOfNames(treeOf(object))
    const index = schema.indexNamed(key)
    const table = index && schema.tableNamed(index.table)
    const problem =
      table &&
      `DROP INDEX holds ACCESS EXCLUSIVE on ${withSize(table)} until the file ends: nobody reads or writes it meanwhile`
    return refuse('lock', table, problem ?? '', [`DROP INDEX CONCURRENTLY ${key.replace(/^public\./, '')};`])
  })
}

function largestOf(schema: Schema) {
  return schema.tables.reduce<ReturnType<Schema['tableNamed']>>(
    (largest, table) => (largest && largest.bytes >= table.bytes ? largest : table),
    undefined,
  )
}
