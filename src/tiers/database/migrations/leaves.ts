// The leaves of sharded tables: `slot_007.photos PARTITION OF photos`, one per slot, made when a migration declares a
// table `PARTITION BY HASH (one column)`. Indexes, constraints and privileges reach them by themselves.
//
// The app's role gets the leaves but not the parent: whoever forgets db.of(key) meets an error at once, not on the day
// on which some slots live elsewhere.

import { TenfoldError } from '../../../base/errors.ts'
import { slotCount } from '../hash.ts'
import { allSlots, schemaOfSlot } from '../slots.ts'
import type { OwnerConnection } from './owner-connection.ts'
import { checkShardedTables } from './sharded-tables.ts'

/** Makes the leaves that are missing. Runs in the migration's transaction. @throws bad-input for tables that cannot be sharded. */
export async function ensureLeaves(owner: OwnerConnection): Promise<void> {
  const tables = await checkShardedTables(owner)
  const bare = tables.filter(({ leaves }) => leaves < slotCount)
  if (bare.length === 0) return
  const statements = bare.flatMap(({ name, leaves }) => {
    if (leaves > 0)
      throw new TenfoldError(
        'bad-input',
        `table ${name} has ${leaves} partitions of its own: leave them to the migration runner`,
      )
    const table = `"${name.replaceAll('"', '""')}"`
    return [
      ...allSlots.map(
        (slot) =>
          `CREATE TABLE ${schemaOfSlot(slot)}.${table} PARTITION OF public.${table} FOR VALUES WITH (MODULUS ${slotCount}, REMAINDER ${slot})`,
      ),
      `REVOKE ALL ON public.${table} FROM app`,
    ]
  })
  // One round trip for all of them: a new database has several hundred.
  await owner.query(
    [...allSlots.map((slot) => `CREATE SCHEMA IF NOT EXISTS ${schemaOfSlot(slot)}`), ...statements].join(';\n'),
  )
}
