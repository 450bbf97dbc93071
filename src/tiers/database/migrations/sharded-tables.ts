// What a sharded table must look like, checked when a migration declares one and not when its rows first move.

import { TenfoldError } from '../../../base/errors.ts'
import { keyKinds, tierPrefix } from '../slots.ts'
import type { OwnerConnection } from './owner-connection.ts'

interface ShardedTable {
  name: string
  /** Partitions that it has. */
  leaves: number
}

interface Found extends ShardedTable {
  key: string | null
  type: string | null
  columns: number
  plain: boolean
  counters: string[]
}

/** All hash-partitioned tables of schema public. @throws bad-input, with advice, when one of them could not live in slots. */
export async function checkShardedTables(owner: OwnerConnection): Promise<ShardedTable[]> {
  const tables = await owner.query<Found>(shardedTables)
  for (const table of tables) checkTable(table)
  const own = tables.filter(({ name }) => !name.startsWith(tierPrefix))
  const odd = own.find(({ type }) => keyKinds[type ?? ''] !== keyKinds[own[0]?.type ?? ''])
  if (own[0] && odd)
    refuse(
      odd.name,
      `is sharded by ${odd.type} but ${own[0].name} by ${own[0].type}: db.of(key) hashes every key one way, so all sharded tables need the same kind of key`,
    )
  const [link] = await owner.query<{ child: string; parent: string; name: string; is_child_sharded: boolean }>(
    strayForeignKeys,
  )
  if (link) {
    const { child, parent, name } = link
    const why = link.is_child_sharded
      ? `unless it pairs both sharding columns, the two rows may live on different shards`
      : `a table that is whole on every shard cannot refer to rows that live on one`
    refuse(child, `has the foreign key ${name} to the sharded table ${parent}: ${why}`)
  }
  return tables
}

function checkTable({ name, key, type, columns, plain, counters }: Found): void {
  if (columns !== 1 || key === null)
    refuse(name, 'is partitioned by more or other than one column: shard it by one column')
  if (!plain)
    refuse(
      name,
      `is sharded by ${key} with an operator class or a nondeterministic collation of its own, whose hash the router does not know`,
    )
  if (!keyKinds[type ?? ''])
    refuse(name, `is sharded by ${key}, a ${type}: use text, varchar, bigint, integer or smallint`)
  if (counters.length > 0)
    refuse(
      name,
      `counts up column ${counters.join(', ')} by a sequence, which collides when a slot moves: use uuid DEFAULT uuidv7(), or ids of your own`,
    )
}

function refuse(table: string, problem: string): never {
  throw new TenfoldError('bad-input', `table ${table} ${problem}`)
}

const shardedTables = `
  SELECT c.relname AS name, a.attname AS key, t.typname AS type, p.partnatts::int AS columns,
         (SELECT count(*)::int FROM pg_inherits i WHERE i.inhparent = c.oid) AS leaves,
         o.opcdefault AND coalesce(l.collisdeterministic, true) AS plain,
         ARRAY(SELECT s.attname::text FROM pg_attribute s LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (s.attrelid, s.attnum)
                WHERE s.attrelid = c.oid AND NOT s.attisdropped
                  AND (s.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')) AS counters
    FROM pg_partitioned_table p
    JOIN pg_class c ON c.oid = p.partrelid AND NOT c.relispartition
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    JOIN pg_opclass o ON o.oid = p.partclass[0]
    LEFT JOIN pg_collation l ON l.oid = p.partcollation[0]
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0] AND a.attnum > 0
    LEFT JOIN pg_type t ON t.oid = a.atttypid
   WHERE p.partstrat = 'h'
   ORDER BY c.relname`

/** Foreign keys to a sharded table that do not pair its sharding column with the sharding column of the referring one. */
const strayForeignKeys = `
  SELECT f.conrelid::regclass::text AS child, f.confrelid::regclass::text AS parent, f.conname AS name,
         child.partrelid IS NOT NULL AS is_child_sharded
    FROM pg_constraint f
    JOIN pg_class referring ON referring.oid = f.conrelid AND NOT referring.relispartition
    JOIN pg_partitioned_table parent ON parent.partrelid = f.confrelid AND parent.partstrat = 'h'
    LEFT JOIN pg_partitioned_table child ON child.partrelid = f.conrelid AND child.partstrat = 'h'
   WHERE f.contype = 'f' AND f.conparentid = 0
     AND (child.partrelid IS NULL
          OR array_position(f.confkey, parent.partattrs[0]) IS DISTINCT FROM array_position(f.conkey, child.partattrs[0])
          OR array_position(f.confkey, parent.partattrs[0]) IS NULL)
   LIMIT 1`
