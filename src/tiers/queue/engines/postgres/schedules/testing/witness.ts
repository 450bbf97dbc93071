// What tests see of schedules: each firing leaves a row in the transaction that moves the schedule on, as a job would.

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { type Clock, systemClock } from '../../../../../../base/clock.ts'
import type { Database } from '../../../../../database/contract.ts'
import { slotCount, slotOfText } from '../../../../../database/hash.ts'
import type { ScheduleStore } from '../../../../schedules/contract.ts'
import { Schedules } from '../../../../schedules/schedules.ts'
import { openPostgresSchedules } from '../store.ts'

const migration = fileURLToPath(new URL('../../migrations/0005-schedules.sql', import.meta.url))

/** Tables for `startTestDatabase`. */
export async function witnessSql(): Promise<string> {
  return `${await readFile(migration, 'utf8')}
    create schema witness;
    grant usage on schema witness to app;
    create table witness.fired (name text, due_at timestamptz, at timestamptz default now());
    grant select, insert on witness.fired to app;`
}

export function openStore<DB>(db: Database<DB>): ScheduleStore {
  return openPostgresSchedules(db, { slotOf: slotOfText, slotCount })
}

export function witnessed(store: ScheduleStore, warnings: string[] = [], clock: Clock = systemClock): Schedules {
  return new Schedules({
    store,
    clock,
    log: { warn: (_: object, message?: string) => void warnings.push(String(message)) },
    publish: async (tx, { queue }, dueAt) => {
      await sql`insert into witness.fired (name, due_at) values (${queue}, ${dueAt})`.execute(tx)
      return `${queue} ${dueAt.toISOString()}`
    },
  })
}
