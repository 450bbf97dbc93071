// Schedules in the database, a row for each in the slot of its name.

import { type Generated, sql } from 'kysely'
import type { Database, SlotDatabase } from '../../../../database/contract.ts'
import type { KeptSchedule, ScheduleStore } from '../../../schedules/contract.ts'

interface ScheduleRow {
  name: string
  queue: string
  cron: string
  time_zone: string
  next_at: Date
  fired_for: Date | null
  fired_at: Date | null
  /** A bigint, which arrives as text. */
  fired: string
  last_job: string | null
  seen_at: Date
}

type Made = 'fired_for' | 'fired_at' | 'fired' | 'last_job' | 'seen_at'

interface ScheduleTables {
  tenfold_schedules: Omit<ScheduleRow, Made> & { [Column in Made]: Generated<ScheduleRow[Column]> }
}

const listedMax = 1000
/** A longer absence of the app than any; a deploy that is taken back within it loses nothing. */
const unseenDaysMax = 7

export function openPostgresSchedules<DB>(
  database: Database<DB>,
  { slotOf, slotCount }: { slotOf(name: string): number; slotCount: number },
): ScheduleStore {
  const tables = database as unknown as Database<ScheduleTables>
  const homeOf = (name: string): SlotDatabase<ScheduleTables> => tables.slot(slotOf(name))
  const now = sql<Date>`now()`

  return {
    async look(name) {
      // One row whether it is kept or not: the time is wanted in any case.
      const row = await homeOf(name)
        .selectFrom(sql<{ now: Date }>`(select now() as now)`.as('clock'))
        .leftJoin('tenfold_schedules as kept', (join) => join.on('kept.name', '=', name))
        .select('clock.now')
        .selectAll('kept')
        .executeTakeFirstOrThrow()
      const { now, ...kept } = row
      return { now, kept: kept.name === null ? undefined : keptOf(kept as ScheduleRow) }
    },
    async put({ name, queue, cron, timeZone }, nextAt) {
      await homeOf(name)
        .insertInto('tenfold_schedules')
        .values({ name, queue, cron, time_zone: timeZone, next_at: nextAt })
        .onConflict((conflict) =>
          conflict
            .column('name')
            .doUpdateSet((row) => ({
              queue: row.ref('excluded.queue'),
              cron: row.ref('excluded.cron'),
              time_zone: row.ref('excluded.time_zone'),
              next_at: sql<Date>`case when tenfold_schedules.next_at <= now() then tenfold_schedules.next_at else excluded.next_at end`,
              seen_at: now,
            }))
            .where(
              sql<boolean>`(tenfold_schedules.cron, tenfold_schedules.time_zone) <> (excluded.cron, excluded.time_zone)`,
            ),
        )
        .execute()
    },
    async seen({ name, queue, cron, timeZone }) {
      await homeOf(name)
        .updateTable('tenfold_schedules')
        .set({ queue, seen_at: now })
        .where('name', '=', name)
        .where('cron', '=', cron)
        .where('time_zone', '=', timeZone)
        .execute()
    },
    async advance({ name, cron, timeZone }, { from, to }) {
      await homeOf(name)
        .updateTable('tenfold_schedules')
        .set({ next_at: to, seen_at: now })
        .where('name', '=', name)
        .where('next_at', '=', from)
        .where('cron', '=', cron)
        .where('time_zone', '=', timeZone)
        .execute()
    },
    fire({ name, queue, cron, timeZone }, { dueAt, nextAfter }, publish) {
      return homeOf(name).transaction(async (tx) => {
        // What it waited for before this, a failover say, has passed: what was due meanwhile is made up for by this one job.
        const clock = await tx.selectNoFrom(now.as('now')).executeTakeFirstOrThrow()
        // Whoever comes second waits here for the first one's commit, and then finds another next_at.
        const moved = await tx
          .updateTable('tenfold_schedules')
          .set({
            queue,
            next_at: nextAfter(clock.now),
            fired_for: dueAt,
            fired_at: now,
            seen_at: now,
            fired: sql`fired + 1`,
          })
          .where('name', '=', name)
          .where('next_at', '=', dueAt)
          .where('next_at', '<=', now)
          .where('cron', '=', cron)
          .where('time_zone', '=', timeZone)
          .returning('name')
          .execute()
        if (moved.length === 0) return false
        const job = await publish(tx)
        await tx.updateTable('tenfold_schedules').set({ last_job: job }).where('name', '=', name).execute()
        return true
      })
    },
    async list() {
      const rows = await tables.scatter(
        (db) => db.selectFrom('tenfold_schedules').selectAll().orderBy('name').limit(listedMax),
        { orderBy: [{ column: 'name', direction: 'asc' }], limit: listedMax, from: 'primary' },
      )
      return rows.map(keptOf)
    },
    async sweep() {
      for (let slot = 0; slot < slotCount; slot++)
        await tables
          .slot(slot)
          .deleteFrom('tenfold_schedules')
          .where('seen_at', '<', sql<Date>`now() - ${unseenDaysMax}::integer * interval '1 day'`)
          .execute()
    },
  }
}

function keptOf(row: ScheduleRow): KeptSchedule {
  return {
    name: row.name,
    queue: row.queue,
    cron: row.cron,
    timeZone: row.time_zone,
    nextAt: row.next_at,
    firedFor: row.fired_for ?? undefined,
    firedAt: row.fired_at ?? undefined,
    fired: Number(row.fired),
    lastJob: row.last_job ?? undefined,
    seenAt: row.seen_at,
  }
}
