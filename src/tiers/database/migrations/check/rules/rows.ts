// Changes of many rows in one transaction: each row stays locked until its end, replicas get it in one piece, and dead rows
// pile up that VACUUM may not take away.

import type { RangeVar } from 'libpg-query'
import { type Finding, type Rule, sqlName, withSize } from '../finding.ts'
import { findNodes } from '../sql.ts'

export const rowsRule: Rule = ({ tree, batch }, schema) => {
  if (batch !== undefined) return []
  const update = findNodes(tree, 'UpdateStmt').map((node) => ({ word: 'UPDATE', ...node }))
  const remove = findNodes(tree, 'DeleteStmt').map((node) => ({ word: 'DELETE', ...node }))
  const merge = findNodes(tree, 'MergeStmt').map((node) => ({
    word: 'MERGE',
    relation: node.relation,
    whereClause: undefined,
  }))
  return [...update, ...remove, ...merge].flatMap(({ word, relation, whereClause }): Finding[] => {
    const table = schema.table(relation as RangeVar | undefined)
    if (!table) return []
    const reach = word === 'MERGE' || whereClause ? 'many rows' : 'all rows'
    return [
      {
        danger: 'write',
        table,
        problem: `${word} changes ${reach} of ${withSize(table)} in one transaction: whoever writes one of them waits until its end`,
        instead: [
          '-- tenfold: batch of 1000',
          word === 'DELETE'
            ? `DELETE FROM ${sqlName(table)} WHERE ...;`
            : `UPDATE ${sqlName(table)} SET x = ... WHERE x IS NULL;`,
        ],
        gravity: 'refuse',
        isByRows: true,
      },
    ]
  })
}
