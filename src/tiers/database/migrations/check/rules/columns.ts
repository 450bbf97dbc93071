// ALTER TABLE on columns: what makes PostgreSQL write the whole table anew, or read all of it, while nobody else may.
// Source: PostgreSQL 18, ALTER TABLE, "Notes", and ATGetQueueEntry / ATRewriteTable in src/backend/commands/tablecmds.c.

import type { ColumnDef, Constraint } from 'libpg-query'
import { type Finding, quoted, type Rule, refuse, sqlName, warn, withSize } from '../finding.ts'
import { isNeverNull, type Schema, type TableBefore, typeOf } from '../schema.ts'
import { lastName, type Tree, treeOf } from '../sql.ts'
import { isWidening } from '../widening.ts'

const serials = new Set(['serial', 'bigserial', 'smallserial', 'serial2', 'serial4', 'serial8'])

export const columnRule: Rule = ({ tree }, schema) => {
  const statement = tree.AlterTableStmt
  const table = schema.afterDrops(statement)
  if (!statement || !table) return []
  return (statement.cmds ?? []).flatMap((node) => {
    const command = treeOf(node).AlterTableCmd
    return command ? judge(command, table, schema) : []
  })
}

function judge(command: NonNullable<Tree['AlterTableCmd']>, table: TableBefore, schema: Schema): Finding[] {
  const { subtype, name = '' } = command
  const column = treeOf(command.def).ColumnDef
  if (subtype === 'AT_AddColumn' && column) return addColumn(column, table, schema)
  if (subtype === 'AT_AlterColumnType' && column) return alterType(name, column, table)
  if (subtype === 'AT_SetNotNull') return setNotNull(name, table)
  if (subtype === 'AT_SetExpression')
    return refuse('rewrite', table, rewrites(table, `SET EXPRESSION of ${name}`), addAndFill(table, name))
  if (subtype === 'AT_DropColumn')
    return warn(table, `a release that still uses ${table.name}.${name} fails from now on`, [
      'deploy a release that no longer names the column, then drop it',
    ])
  return []
}

function addColumn(column: ColumnDef, table: TableBefore, schema: Schema): Finding[] {
  const name = column.colname ?? ''
  const constraints = (column.constraints ?? []).flatMap((node) => treeOf(node).Constraint ?? [])
  const of = (type: Constraint['contype']) => constraints.find(({ contype }) => contype === type)
  const value = of('CONSTR_DEFAULT')
  const type = lastName(column.typeName?.names)
  const t = sqlName(table)
  const c = quoted(name)
  const what = `ADD COLUMN ${name}`
  const found: Finding[] = []
  if (of('CONSTR_IDENTITY') || serials.has(type))
    found.push(
      ...refuse('rewrite', table, rewrites(table, `${what}, counted up for each row,`), addAndFill(table, name)),
    )
  const generated = of('CONSTR_GENERATED')
  if (generated && generated.generated_kind !== 'v')
    found.push(
      ...refuse('rewrite', table, rewrites(table, `${what}, GENERATED and STORED,`), [
        `ALTER TABLE ${t} ADD COLUMN ${c} ... GENERATED ALWAYS AS (...) VIRTUAL;`,
        'or a plain column that the app and a trigger fill, and a batch for the rows that are there',
      ]),
    )
  if (value && schema.isVolatile(value.raw_expr))
    found.push(
      ...refuse('rewrite', table, rewrites(table, `${what}, whose DEFAULT differs from row to row,`), [
        `ALTER TABLE ${t} ADD COLUMN ${c} ...;`,
        `ALTER TABLE ${t} ALTER COLUMN ${c} SET DEFAULT ...;`,
        `-- tenfold: batch of 1000`,
        `UPDATE ${t} SET ${c} = ... WHERE ${c} IS NULL;`,
      ]),
    )
  if (schema.hasConstraints(column.typeName))
    found.push(
      ...refuse('rewrite', table, rewrites(table, `${what}, of a domain with constraints,`), addAndFill(table, name)),
    )
  if (of('CONSTR_NOTNULL') && generated?.generated_kind === 'v')
    found.push(
      ...refuse('scan', table, reads(table, `${what} VIRTUAL and NOT NULL`), [
        `ALTER TABLE ${t} ADD COLUMN ${c} ... GENERATED ALWAYS AS (...) VIRTUAL;`,
        `ALTER TABLE ${t} ADD CONSTRAINT ${quoted(`${table.name}_${name}_not_null`)} NOT NULL ${c} NOT VALID;`,
        `ALTER TABLE ${t} VALIDATE CONSTRAINT ${quoted(`${table.name}_${name}_not_null`)};`,
      ]),
    )
  const isFilled = value && !treeOf(value.raw_expr).A_Const?.isnull
  if (of('CONSTR_NOTNULL') && !isFilled && !generated && !of('CONSTR_IDENTITY') && !serials.has(type))
    found.push(
      ...refuse('scan', table, `${what} NOT NULL without a DEFAULT fails on the first row that ${table.name} has`, [
        `ALTER TABLE ${t} ADD COLUMN ${c} ... NOT NULL DEFAULT ...;`,
      ]),
    )
  const check = of('CONSTR_CHECK')
  if (check)
    found.push(
      ...refuse('scan', table, reads(table, `${what} with a CHECK`), [
        `ALTER TABLE ${t} ADD COLUMN ${c} ...;`,
        `ALTER TABLE ${t} ADD CONSTRAINT ${quoted(`${table.name}_${name}_check`)} CHECK (...) NOT VALID;`,
        `ALTER TABLE ${t} VALIDATE CONSTRAINT ${quoted(`${table.name}_${name}_check`)};`,
      ]),
    )
  if (of('CONSTR_FOREIGN') && value)
    found.push(
      ...refuse('scan', table, reads(table, `${what} with a DEFAULT and REFERENCES`), [
        `ALTER TABLE ${t} ADD COLUMN ${c} ... DEFAULT ...;`,
        `ALTER TABLE ${t} ADD CONSTRAINT ${quoted(`${table.name}_${name}_fkey`)} FOREIGN KEY (${c}) REFERENCES ... NOT VALID;`,
        `ALTER TABLE ${t} VALIDATE CONSTRAINT ${quoted(`${table.name}_${name}_fkey`)};`,
      ]),
    )
  if (of('CONSTR_UNIQUE') || of('CONSTR_PRIMARY'))
    found.push(
      ...refuse(
        'build',
        table,
        `${what} builds a unique index on ${withSize(table)} under ACCESS EXCLUSIVE: nobody reads or writes it meanwhile`,
        [
          `ALTER TABLE ${t} ADD COLUMN ${c} ...;`,
          `CREATE UNIQUE INDEX CONCURRENTLY ${quoted(`${table.name}_${name}_key`)} ON ${t} (${c});`,
        ],
      ),
    )
  return found
}

function alterType(name: string, column: ColumnDef, table: TableBefore): Finding[] {
  const before = table.columns.get(name)
  if (!before) return [] // PostgreSQL will say that there is no such column
  const to = typeOf(column.typeName)
  if (!column.raw_default && !column.collClause && isWidening(before, to))
    return [...table.checked.values()].some((columns) => columns.includes(name))
      ? checkedAnew(name, to.type, table)
      : []
  return refuse('rewrite', table, rewrites(table, `ALTER COLUMN ${name} TYPE ${to.type}`), [
    `ALTER TABLE ${sqlName(table)} ADD COLUMN ${quoted(`${name}_new`)} ${to.type};`,
    'deploy a release that writes both columns',
    '-- tenfold: batch of 1000',
    `UPDATE ${sqlName(table)} SET ${quoted(`${name}_new`)} = ${quoted(name)} WHERE ${quoted(`${name}_new`)} IS DISTINCT FROM ${quoted(name)};`,
    'deploy a release that uses the new one only; then drop the old one',
  ])
}

/** PostgreSQL drops and adds the constraints of a column whose type changes, and checks them, however little it changes. */
function checkedAnew(name: string, type: string, table: TableBefore): Finding[] {
  return refuse(
    'scan',
    table,
    reads(table, `ALTER COLUMN ${name} TYPE ${type}, which checks the CHECK constraints of ${name} anew,`),
    [
      `ALTER TABLE ${sqlName(table)} DROP CONSTRAINT ...;`,
      `ALTER TABLE ${sqlName(table)} ALTER COLUMN ${quoted(name)} TYPE ${type};`,
      `ALTER TABLE ${sqlName(table)} ADD CONSTRAINT ... CHECK (...) NOT VALID;`,
      `ALTER TABLE ${sqlName(table)} VALIDATE CONSTRAINT ...;`,
    ],
  )
}

function setNotNull(name: string, table: TableBefore): Finding[] {
  if (isNeverNull(table, name)) return []
  const constraint = quoted(`${table.name}_${name}_not_null`)
  return refuse('scan', table, reads(table, `SET NOT NULL of ${name}`), [
    `ALTER TABLE ${sqlName(table)} ADD CONSTRAINT ${constraint} NOT NULL ${quoted(name)} NOT VALID;`,
    `ALTER TABLE ${sqlName(table)} VALIDATE CONSTRAINT ${constraint};`,
  ])
}

function rewrites(table: TableBefore, what: string): string {
  return `${what} writes the whole table ${withSize(table)} anew under ACCESS EXCLUSIVE: nobody reads or writes it meanwhile`
}

function reads(table: TableBefore, what: string): string {
  return `${what} reads the whole table ${withSize(table)} under ACCESS EXCLUSIVE: nobody else reads or writes it meanwhile`
}

function addAndFill(table: TableBefore, name: string): string[] {
  const c = quoted(name)
  return [
    `ALTER TABLE ${sqlName(table)} ADD COLUMN ${c} ...;`,
    '-- tenfold: batch of 1000',
    `UPDATE ${sqlName(table)} SET ${c} = ... WHERE ${c} IS NULL;`,
  ]
}
