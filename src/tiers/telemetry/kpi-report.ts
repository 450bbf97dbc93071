// Reads the business figures back: counters by day, and daily, weekly and monthly active users, each counted exactly.

import type { KpiHome } from './contract.ts'

export interface KpiDay {
  /** ISO date, UTC. */
  day: string
  counters: Record<string, number>
  /** Different users on this day, in the 7 and in the 30 days that end with it. */
  active: { daily: number; weekly: number; monthly: number }
}

export const reportDaysMax = 366

/** The last `days` days, today last. Days without figures are there with zeros. */
export async function readKpi(home: KpiHome, days: number): Promise<KpiDay[]> {
  const span = Math.max(1, Math.min(Math.trunc(days), reportDaysMax))
  const rows = await home.query<DayRow>(reportStatement, [span])
  return rows.map(({ day, counters, daily, weekly, monthly }) => ({
    day,
    counters: counters ?? {},
    active: { daily, weekly, monthly },
  }))
}

interface DayRow {
  day: string
  counters: Record<string, number> | null
  daily: number
  weekly: number
  monthly: number
}

const activeSince = (days: number) => `
  (select count(distinct user_id) from tenfold.kpi_active
   where kpi_active.day > today.day - ${days} and kpi_active.day <= today.day)::integer`

const reportStatement = `
select to_char(today.day, 'YYYY-MM-DD') as day,
  (select jsonb_object_agg(name, value) from tenfold.kpi_daily where kpi_daily.day = today.day) as counters,
  ${activeSince(1)} as daily, ${activeSince(7)} as weekly, ${activeSince(30)} as monthly
from (select (now() at time zone 'utc')::date - ago as day from generate_series(0, $1::integer - 1) as ago) as today
order by today.day`
