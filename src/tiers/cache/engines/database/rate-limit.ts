// A sliding window in the database, a row for each name and window, counted by the server's own clock in ten parts, as the
// redis engine does it: never more than the limit in any window, at the price of giving room back a part late.
//
// One statement: it looks first, so that what is refused writes nothing; what has room takes the row's lock and counts again.
// The part is that of the statement's beginning, or a later one that the row has by then: between the call and its answer
// in any case, which is all that a window can be held to.

import { sql } from 'kysely'
import type { RateLimiter, Taken } from '../../shared/contract.ts'
import { checkLimit, windowParts } from '../../shared/guard-terms.ts'
import { microseconds } from './locks.ts'
import type { CacheSlots } from './slots.ts'
import { orUnavailable } from './unavailable.ts'

/** Room that others took between look and lock, so many times in a row: it is full. */
const triesMax = 3
const length = windowParts + 1

export interface LimitTables {
  tenfold_limits: { name: string; part_us: string; part: string; used: string[]; ends_at: Date }
}

interface Look {
  /** Of the part that is now. */
  part: string
  now_us: string
  row_part: string | null
  used: string[] | null
  is_taken: boolean
}

export class DatabaseRateLimiter implements RateLimiter {
  readonly #slots: CacheSlots<LimitTables>

  constructor(slots: CacheSlots<LimitTables>) {
    this.#slots = slots
  }

  async take(
    name: string,
    { limit, windowMs, cost = 1 }: { limit: number; windowMs: number; cost?: number },
  ): Promise<Taken> {
    checkLimit(name, limit, windowMs, cost)
    const partUs = Math.ceil((windowMs * 1000) / windowParts)
    for (let nth = 1; ; nth++) {
      const look = await orUnavailable(this.#look(name, limit, cost, partUs))
      const { used, retryMs } = stateOf(look, partUs)
      if (look.is_taken) return { isAllowed: true, remaining: limit - used, retryMs: 0 }
      const isFull = used + cost > limit
      if (isFull || nth === triesMax)
        return { isAllowed: false, remaining: isFull ? Math.max(0, limit - used) : 0, retryMs }
    }
  }

  /** Of windows that are over. */
  async sweep(): Promise<void> {
    for (let slot = 0; slot < this.#slots.count; slot++)
      await this.#slots.at(slot, (db) =>
        db.deleteFrom('tenfold_limits').where(sql<boolean>`ends_at < clock_timestamp()`).execute(),
      )
  }

  async #look(name: string, limit: number, cost: number, partUs: number): Promise<Look> {
    const limits = sql.table('tenfold_limits')
    const age = sql`least(greatest(excluded.part - held.part, 0), ${length})::integer`
    const kept = sql`held.used[${age} + 1:]`
    const [look] = await this.#slots.at(name, (slot) =>
      slot
        .with(
          'clock',
          () => sql<{ now_us: string; part: string }>`(
          select at.us as now_us, at.us / ${partUs}::bigint as part from (select ${microseconds} as us) as at)`,
        )
        .with(
          'seen',
          () => sql<{ part: string; used: string[] }>`(
          select part, used from ${limits} where name = ${name} and part_us = ${partUs})`,
        )
        .with(
          'taken',
          () => sql<{ part: string; used: string[] }>`(
          insert into ${limits} as held (name, part_us, part, used, ends_at)
          select ${name}, ${partUs}, clock.part, array_fill(0::bigint, array[${windowParts}::integer]) || ${cost}::bigint,
            to_timestamp((clock.part + ${length}) * ${partUs}::float8 / 1000000)
          from clock where ${cost}::bigint <= ${limit}::bigint and not exists (
            select from seen
            where ${cost}::bigint + (
              select coalesce(sum(each), 0)
              from unnest(seen.used[least(greatest(clock.part - seen.part, 0), ${length})::integer + 1:]) as each
            ) > ${limit}::bigint)
          on conflict (name, part_us) do update set
            part = greatest(excluded.part, held.part),
            ends_at = greatest(excluded.ends_at, held.ends_at),
            used = case ${age}
              when 0 then held.used[:${windowParts}] || held.used[${length}] + ${cost}::bigint
              else ${kept} || array_fill(0::bigint, array[${age} - 1]) || ${cost}::bigint end
          where (select coalesce(sum(each), 0) from unnest(${kept}) as each) + ${cost}::bigint <= ${limit}::bigint
          returning part, used)`,
        )
        .selectFrom('clock')
        .leftJoin('taken', (join) => join.onTrue())
        .leftJoin('seen', (join) => join.onTrue())
        .select((eb) => [
          'clock.part as part',
          'clock.now_us as now_us',
          eb.fn.coalesce('taken.part', 'seen.part').as('row_part'),
          eb.fn.coalesce('taken.used', 'seen.used').as('used'),
          eb('taken.part', 'is not', null).as('is_taken'),
        ])
        .execute(),
    )
    return look as Look
  }
}

/** What is used by now, and when the oldest part that has something is over. */
function stateOf(look: Look, partUs: number): { used: number; retryMs: number } {
  const part = Number(look.part)
  const newest = Number(look.row_part ?? look.part)
  let used = 0
  let oldest = part
  look.used?.forEach((text, i) => {
    const at = newest - windowParts + i
    if (at < part - windowParts || Number(text) === 0) return
    used += Number(text)
    oldest = Math.min(oldest, at)
  })
  return { used, retryMs: Math.max(1, Math.ceil(((oldest + length) * partUs - Number(look.now_us)) / 1000)) }
}
