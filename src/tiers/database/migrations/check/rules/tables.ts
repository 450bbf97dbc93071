// Statements that lock, rewrite or take away a whole table.
// Source: PostgreSQL 18, "Explicit Locking", table-level lock modes; CLUSTER, VACUUM, REFRESH MATERIALIZED VIEW.

import { type Finding, type Rule, refuse, sqlName, warn, withSize } from '../finding.ts'
import { keyOfNames, type Schema, type TableBefore, titleOf } from '../schema.ts'
import { lastName, type Tree, treeOf } from '../sql.ts'

/** By number, as in the tree. From SHARE on, a mode keeps writers out. */
const lockModes = [
  '',
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
]
const shareLock = 5

const noWayBeside = ['there is no way to do it beside the traffic: make a new table, and copy into it in batches']

export const tableRule: Rule = ({ tree }, schema) => [
  ...rewritten(tree, schema),
  ...locked(tree, schema),
  ...ofDomain(tree, schema),
]

export const removalRule: Rule = ({ tree }, schema) => {
  const { RenameStmt: rename, DropStmt: drop, AlterObjectSchemaStmt: moved, TruncateStmt: truncate } = tree
  if (rename?.renameType === 'OBJECT_TABLE')
    return gone(schema.table(rename.relation), 'under its old name', 'make a view of the old name, or a new table')
  if (rename?.renameType === 'OBJECT_COLUMN')
    return gone(
      schema.table(rename.relation),
      `by the column ${rename.subname}`,
      'add the new column, write both, read the new one, then drop the old one',
    )
  if (moved && (moved.objectType === 'OBJECT_TABLE' || moved.objectType === 'OBJECT_MATVIEW'))
    return gone(schema.table(moved.relation), 'in its old schema', 'leave it where it is')
  if (truncate)
    return (truncate.relations ?? []).flatMap((node) => {
      const table = schema.table(treeOf(node).RangeVar)
      return warn(table, `TRUNCATE takes all rows of ${table && titleOf(table)}, for releases that run, too`)
    })
  if (drop?.removeType !== 'OBJECT_TABLE' && drop?.removeType !== 'OBJECT_MATVIEW') return []
  return (drop.objects ?? []).flatMap((object) =>
    gone(schema.tableNamed(keyOfNames(treeOf(object))), '', 'deploy a release that no longer names it, then drop it'),
  )
}

function gone(table: TableBefore | undefined, how: string, instead: string): Finding[] {
  return warn(
    table,
    `a release that still uses ${table && titleOf(table)} ${how} fails from now on`.replace('  ', ' '),
    [instead],
  )
}

function rewritten(tree: Tree, schema: Schema): Finding[] {
  const found = (table: TableBefore | undefined, what: string, instead = noWayBeside) =>
    refuse(
      'rewrite',
      table,
      `${what} writes the whole table ${table && withSize(table)} anew under ACCESS EXCLUSIVE: nobody reads or writes it meanwhile`,
      instead,
    )
  const alter = tree.AlterTableStmt
  const table = schema.table(alter?.relation)
  const commands = (alter?.cmds ?? []).flatMap((node): Finding[] => {
    const subtype = treeOf(node).AlterTableCmd?.subtype
    if (subtype === 'AT_SetLogged' || subtype === 'AT_SetUnLogged') return found(table, 'SET LOGGED or UNLOGGED')
    if (subtype === 'AT_SetTableSpace') return found(table, 'SET TABLESPACE')
    if (subtype === 'AT_SetAccessMethod') return found(table, 'SET ACCESS METHOD')
    return []
  })
  if (tree.AlterTableMoveAllStmt) return schema.tables.flatMap((every) => found(every, 'ALTER ALL IN TABLESPACE'))
  if (tree.ClusterStmt) return found(schema.table(tree.ClusterStmt.relation), 'CLUSTER')
  const vacuum = tree.VacuumStmt
  if (vacuum?.options?.some((option) => treeOf(option).DefElem?.defname === 'full')) {
    const named = (vacuum.rels ?? []).map((node) => schema.table(treeOf(node).VacuumRelation?.relation))
    const plain = ['VACUUM without FULL frees the room for new rows']
    return (named.length > 0 ? named : schema.tables).flatMap((every) => found(every, 'VACUUM FULL', plain))
  }
  return commands
}

function locked(tree: Tree, schema: Schema): Finding[] {
  const { LockStmt: lock, RefreshMatViewStmt: refresh } = tree
  const mode = lock?.mode ?? 0
  if (lock && mode >= shareLock)
    return (lock.relations ?? []).flatMap((node) => {
      const table = schema.table(treeOf(node).RangeVar)
      return refuse(
        'lock',
        table,
        `LOCK TABLE holds ${lockModes[mode]} on ${table && withSize(table)} until the file ends`,
        ['leave it out: every statement takes the lock that it needs'],
      )
    })
  if (!refresh || refresh.concurrent || refresh.skipData) return []
  const view = schema.table(refresh.relation)
  return refuse(
    'lock',
    view,
    `REFRESH holds ACCESS EXCLUSIVE on ${view && withSize(view)} while its query runs: nobody reads it meanwhile`,
    [`REFRESH MATERIALIZED VIEW CONCURRENTLY ${view && sqlName(view)}; (needs a unique index)`],
  )
}

/** A domain's constraint is checked in every table that uses the domain. */
function ofDomain({ AlterDomainStmt: alter }: Tree, schema: Schema): Finding[] {
  if (!alter) return []
  const isAdded = alter.subtype === 'C' && !treeOf(alter.def).Constraint?.skip_validation
  if (!isAdded && alter.subtype !== 'O') return []
  const name = lastName(alter.typeName)
  return schema
    .tablesOfDomain(name)
    .flatMap((table) =>
      refuse(
        'scan',
        table,
        `ALTER DOMAIN ${name} reads the whole table ${withSize(table)} under SHARE: nobody writes it meanwhile`,
        [
          `ALTER DOMAIN ${name} ADD CONSTRAINT ... CHECK (...) NOT VALID;`,
          `ALTER DOMAIN ${name} VALIDATE CONSTRAINT ...;`,
        ],
      ),
    )
}
