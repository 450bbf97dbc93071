// Constraints that are checked, or built as indexes, while the table is locked.
// Source: PostgreSQL 18, ALTER TABLE, "ADD table_constraint [ NOT VALID ]" and "ADD table_constraint_using_index".

import type { Constraint } from 'libpg-query'
import { type Finding, quoted, type Rule, refuse, sqlName, withSize } from '../finding.ts'
import { isNeverNull, type Schema, type TableBefore, titleOf } from '../schema.ts'
import { lastName, treeOf } from '../sql.ts'

export const constraintRule: Rule = ({ tree }, schema) => {
  const statement = tree.AlterTableStmt
  const table = schema.afterDrops(statement)
  if (!statement || !table) return []
  return (statement.cmds ?? []).flatMap((node) => {
    const command = treeOf(node).AlterTableCmd
    const constraint = treeOf(command?.def).Constraint
    if (command?.subtype === 'AT_AttachPartition')
      return attach(schema.table(treeOf(command.def).PartitionCmd?.name), table)
    return command?.subtype === 'AT_AddConstraint' && constraint ? addConstraint(constraint, table, schema) : []
  })
}

function addConstraint(constraint: Constraint, table: TableBefore, schema: Schema): Finding[] {
  const { contype, conname, skip_validation: isNotValid, is_enforced: isEnforced = true, indexname } = constraint
  const t = sqlName(table)
  const name = quoted(conname ?? `${table.name}_check`)
  const validate = `ALTER TABLE ${t} VALIDATE CONSTRAINT ${name};`
  switch (contype) {
    case 'CONSTR_CHECK':
    case 'CONSTR_NOTNULL': {
      if (isNotValid || !isEnforced) return []
      const column = lastName(constraint.keys)
      if (contype === 'CONSTR_NOTNULL' && isNeverNull(table, column)) return []
      const body = contype === 'CONSTR_CHECK' ? 'CHECK (...)' : `NOT NULL ${quoted(column)}`
      return refuse(
        'scan',
        table,
        `ADD CONSTRAINT ${conname ?? body} reads the whole table ${withSize(table)} under ACCESS EXCLUSIVE: nobody else reads or writes it meanwhile`,
        [`ALTER TABLE ${t} ADD CONSTRAINT ${name} ${body} NOT VALID;`, validate],
      )
    }
    case 'CONSTR_FOREIGN': {
      if (isNotValid || !isEnforced) return []
      const other = constraint.pktable?.relname ?? 'the other table'
      const problem = `ADD FOREIGN KEY reads the whole table ${withSize(table)} under SHARE ROW EXCLUSIVE on it and on ${other}: nobody writes either meanwhile`
      return refuse('scan', table, problem, [
        `ALTER TABLE ${t} ADD CONSTRAINT ${name} FOREIGN KEY (...) REFERENCES ${quoted(other)} NOT VALID;`,
        validate,
      ])
    }
    case 'CONSTR_UNIQUE':
    case 'CONSTR_PRIMARY':
      return indexname === undefined ? builds(constraint, table) : nullable(constraint, table, schema)
    case 'CONSTR_EXCLUSION':
      return refuse(
        'build',
        table,
        `EXCLUDE builds an index on ${withSize(table)} under ACCESS EXCLUSIVE: nobody reads or writes it meanwhile`,
        ['there is no way to build it beside the traffic: make a new table with it, and copy into that in batches'],
      )
    default:
      return []
  }
}

/** Rows are read to see that they belong there, unless a CHECK says so; whether it does, PostgreSQL knows (../../watch.ts). */
function attach(partition: TableBefore | undefined, parent: TableBefore): Finding[] {
  if (!partition || partition.checked.size > 0) return []
  const t = sqlName(partition)
  return refuse(
    'scan',
    partition,
    `ATTACH PARTITION reads the whole table ${withSize(partition)} under ACCESS EXCLUSIVE: nobody else reads or writes it meanwhile`,
    [
      `ALTER TABLE ${t} ADD CONSTRAINT fits CHECK (... what the partition's bounds say ...) NOT VALID;`,
      `ALTER TABLE ${t} VALIDATE CONSTRAINT fits;`,
      `ALTER TABLE ${sqlName(parent)} ATTACH PARTITION ${t} FOR VALUES ...;`,
    ],
  )
}

function builds({ contype, conname, keys }: Constraint, table: TableBefore): Finding[] {
  const kind = contype === 'CONSTR_PRIMARY' ? 'PRIMARY KEY' : 'UNIQUE'
  const columns = (keys ?? []).map((key) => quoted(treeOf(key).String?.sval ?? '')).join(', ')
  const name = quoted(conname ?? `${table.name}_${contype === 'CONSTR_PRIMARY' ? 'pkey' : 'key'}`)
  const t = sqlName(table)
  const build = `CREATE UNIQUE INDEX CONCURRENTLY ${name} ON ${t} (${columns});`
  // PostgreSQL takes no USING INDEX on a partitioned table; the unique index says the same.
  const instead = table.isPartitioned
    ? [build]
    : [build, `ALTER TABLE ${t} ADD CONSTRAINT ${name} ${kind} USING INDEX ${name};`]
  const problem = `ADD ${kind} builds an index on ${withSize(table)} under ACCESS EXCLUSIVE: nobody reads or writes it meanwhile`
  return refuse('build', table, problem, instead)
}

/** A primary key makes its columns NOT NULL, which reads the table when they are not yet. */
function nullable({ contype, indexname }: Constraint, table: TableBefore, schema: Schema): Finding[] {
  if (contype !== 'CONSTR_PRIMARY') return []
  const index = schema.index({ schemaname: table.schema, relname: indexname ?? '' })
  const columns = (index?.columns ?? []).filter((column) => !isNeverNull(table, column))
  return columns.flatMap((column) =>
    refuse(
      'scan',
      table,
      `PRIMARY KEY makes ${titleOf(table)}.${column} NOT NULL, and reads the whole table ${withSize(table)} under ACCESS EXCLUSIVE for it`,
      [
        `ALTER TABLE ${sqlName(table)} ADD CONSTRAINT ${quoted(`${table.name}_${column}_not_null`)} NOT NULL ${quoted(column)} NOT VALID;`,
        `ALTER TABLE ${sqlName(table)} VALIDATE CONSTRAINT ${quoted(`${table.name}_${column}_not_null`)};`,
      ],
    ),
  )
}
