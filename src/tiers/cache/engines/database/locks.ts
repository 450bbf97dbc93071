// Locks with fencing tokens in the database, a row for each name: for systems that have no cache nodes.
//
// A token is the server's clock in microseconds, made to grow over the holders of its name, as in the redis engine: so
// the next holder's is higher also where a system has moved from the one to the other, as long as their clocks agree.

import { type RawBuilder, sql } from 'kysely'
import type { SlotDatabase } from '../../../database/contract.ts'
import type { Lock, Locks } from '../../shared/contract.ts'
import { checkHold } from '../../shared/guard-terms.ts'
import type { CacheSlots } from './slots.ts'
import { orUnavailable } from './unavailable.ts'

/** How long the last token of a name is remembered; after that the clock alone keeps them growing. */
const lastTokenMs = 24 * 3600 * 1000

export interface LockTables {
  tenfold_locks: { name: string; token: string; held_until: Date }
}

/** Not `now()`: whoever waited for the row of another contender has a later one. */
export const microseconds = sql<string>`(extract(epoch from clock_timestamp()) * 1000000)::bigint`
const isOver = sql<boolean>`held.held_until <= clock_timestamp()`
const isHeld = sql<boolean>`held_until > clock_timestamp()`

export class DatabaseLocks implements Locks {
  readonly #slots: CacheSlots<LockTables>

  constructor(slots: CacheSlots<LockTables>) {
    this.#slots = slots
  }

  async acquire(name: string, { holdMs }: { holdMs: number }): Promise<Lock | undefined> {
    checkHold(name, holdMs)
    // Looked at first: who comes in vain writes nothing, or those who wait would take the disk from all others.
    const [taken] = await this.#run(name, (slot) =>
      slot
        .with(
          'taken',
          () => sql<{ token: string }>`(
          insert into ${sql.table('tenfold_locks')} as held (name, token, held_until)
          select ${name}, ${microseconds}, ${fromNow(holdMs)}
          where not exists (select from ${sql.table('tenfold_locks')} where name = ${name} and ${isHeld})
          on conflict (name) do update
          set token = greatest(${microseconds}, held.token + 1), held_until = ${fromNow(holdMs)} where ${isOver}
          returning token)`,
        )
        .selectFrom('taken')
        .select('token')
        .execute(),
    )
    return taken && this.#lock(name, taken.token)
  }

  /** Of names that nobody has held for a day. */
  async sweep(): Promise<void> {
    const isOld = sql<boolean>`held_until < clock_timestamp() - ${lastTokenMs}::float8 * interval '1 ms'`
    for (let slot = 0; slot < this.#slots.count; slot++)
      await this.#slots.at(slot, (db) => db.deleteFrom('tenfold_locks').where(isOld).execute())
  }

  #lock(name: string, token: string): Lock {
    const change = async (heldUntil: RawBuilder<Date>) => {
      const changed = await this.#run(name, (slot) =>
        slot
          .updateTable('tenfold_locks')
          .set({ held_until: heldUntil })
          .where('name', '=', name)
          .where('token', '=', token)
          .where(isHeld)
          .returning('name')
          .execute(),
      )
      return changed.length === 1
    }
    return {
      name,
      token: Number(token),
      async extend(holdMs) {
        checkHold(name, holdMs)
        return change(fromNow(holdMs))
      },
      release: () => change(sql<Date>`clock_timestamp()`),
    }
  }

  #run<T>(name: string, work: (slot: SlotDatabase<LockTables>) => Promise<T>): Promise<T> {
    return orUnavailable(this.#slots.at(name, work))
  }
}

function fromNow(ms: number): RawBuilder<Date> {
  return sql<Date>`clock_timestamp() + ${ms}::float8 * interval '1 ms'`
}
