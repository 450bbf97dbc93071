// SQL for where a lane begins, or is sent to: the place before the first entry that it is to read.

import type { StreamPlace } from '../../../streams/contract.ts'
import { placeOf } from './place.ts'
import { bucketsOf } from './rings.ts'

/** Everything that is over lies below; transactions that are under way, whatever they have appended, come behind it. */
const nowSql = `select pg_snapshot_xmin(pg_current_snapshot()) as xid, 0::bigint as seq`

/**
 * A subselect of (xid, seq) for partition `lane.partition` of stream $1, and the value of its $4. An entry of a transaction that is
 * still under way may be as young as `at`, so no place is behind the oldest of these.
 */
export function placeSql(
  place: StreamPlace,
  shard: string,
  ring: number,
): { sql: string; value: string | null } | undefined {
  if (place === 'start') return { sql: `select '0'::xid8 as xid, 0::bigint as seq where $4::text is null`, value: null }
  if (place === 'now') return { sql: `${nowSql} where $4::text is null`, value: null }
  if ('at' in place) return { sql: atSql(ring), value: place.at.toISOString() }
  const { xid, seq, shard: home } = placeOf(place.position)
  if (home !== shard) return undefined
  return {
    sql: `select split_part($4, '/', 1)::xid8 as xid, split_part($4, '/', 2)::bigint - 1 as seq`,
    value: `${xid}/${seq}`,
  }
}

function atSql(ring: number): string {
  const { first, last } = bucketsOf(ring)
  return `select xid, seq from (
    (select xid, seq - 1 as seq from tenfold.stream_entries as entry
      where bucket between ${first} and ${last} and stream = $1 and partition = lane.partition and at >= $4::timestamptz
      order by entry.xid, entry.seq limit 1)
    union all (${nowSql})) as either order by xid, seq limit 1`
}

/** $1 stream, $2 group, $3 partitions, $4 as placeSql. */
export const createGroupStatement = (sql: string): string => `
insert into tenfold.stream_groups (stream, group_name, partition, xid, seq)
select $1, $2, lane.partition, place.xid, place.seq
from generate_series(0, $3::integer - 1) as lane (partition) cross join lateral (${sql}) as place
on conflict (stream, group_name, partition) do nothing`

/** $1 stream, $2 group, $3 partitions, $4 as placeSql. */
export const rewindStatement = (sql: string): string => `
update tenfold.stream_groups as held
set xid = place.xid, seq = place.seq, epoch = epoch + 1, attempts = 0, reason = null
from generate_series(0, $3::integer - 1) as lane (partition) cross join lateral (${sql}) as place
where held.stream = $1 and held.group_name = $2 and held.partition = lane.partition
returning held.partition`
