// The rows that are read: notes, sharded by their id over all 64 slots.

import { slotOfInteger } from '../../src/tiers/database/hash.ts'
import { schemaOfSlot } from '../../src/tiers/database/slots.ts'

/** Few enough to stay in PostgreSQL's memory: what is measured is the way, not the disk. */
const notesMax = 10_000

export interface Note {
  id: string
  slot: number
  title: string
  /** The slot's leaf, as Kysely takes it. */
  table: string
  /** The statement that reads it, as Tenfold's compiler writes it, and a name to prepare it by. */
  text: string
  name: string
}

export const notes: readonly Note[] = Array.from({ length: notesMax }, (_, i) => noteOfId(String(i + 1)))

/** Fills the sharded table; the parent may be written by the owner only. */
export const fillSql = `
  insert into notes select id, 'note ' || id, repeat('text ', 40) from generate_series(1, ${notesMax}) as id`

function noteOfId(id: string): Note {
  const slot = slotOfInteger(id)
  const schema = schemaOfSlot(slot)
  return {
    id,
    slot,
    title: `note ${id}`,
    table: `${schema}.notes`,
    text: `select * from "${schema}"."notes" where "id" = $1`,
    name: `${schema}_note`,
  }
}
