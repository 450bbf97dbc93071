// What streams there are, who reads them and how far behind they are.

import type { ShardDatabase } from '../../../../database/contract.ts'
import type { GroupState, StreamState } from '../../../streams/contract.ts'
import { positionOf } from './place.ts'
import { bucketsPerRing } from './rings.ts'

const lagMax = 10_000

interface StreamRow {
  name: string
  partitions: number
  keep_ms: string
  newest_at: Date | null
}

interface GroupRow {
  stream: string
  group_name: string
  partition: number
  xid: string
  seq: string
  holder: string | null
  attempts: number
  reason: string | null
  lag: number
  oldest_ms: number
}

const bucketsSql = `between stream.ring * ${bucketsPerRing} and stream.ring * ${bucketsPerRing} + ${bucketsPerRing - 1}`

const streamsStatement = `
select stream.name, stream.partitions, stream.keep_ms, max(newest.at) as newest_at
from tenfold.streams as stream
cross join lateral generate_series(0, stream.partitions - 1) as lane (partition)
left join lateral (
  select at from tenfold.stream_entries as entry
  where entry.bucket ${bucketsSql} and entry.stream = stream.name and entry.partition = lane.partition
  order by xid desc, seq desc limit 1
) as newest on true
group by stream.name, stream.partitions, stream.keep_ms`

/** $1 the most to count. Groups of our own, whose names start with a dollar, are nobody's business. */
const groupsStatement = `
select held.stream, held.group_name, held.partition, held.xid, held.seq, held.attempts, held.reason,
  case when held.lease_until > now() then held.holder end as holder, behind.lag, behind.oldest_ms
from tenfold.stream_groups as held
join tenfold.streams as stream on stream.name = held.stream
cross join lateral (
  select count(*)::integer as lag, coalesce(extract(epoch from now() - min(at)) * 1000, 0)::float8 as oldest_ms
  from (
    select at from tenfold.stream_entries as entry
    where entry.bucket ${bucketsSql} and entry.stream = held.stream and entry.partition = held.partition
      and (entry.xid, entry.seq) > (held.xid, held.seq)
    order by xid, seq limit $1::integer + 1
  ) as entries
) as behind
where held.group_name not like '$%'
order by held.stream, held.group_name, held.partition`

export async function listStreams(shards: readonly ShardDatabase[]): Promise<StreamState[]> {
  const states = new Map<string, StreamState>()
  for (const shard of shards) {
    for (const row of await shard.query<StreamRow>(streamsStatement)) addStream(states, row)
    for (const row of await shard.query<GroupRow>(groupsStatement, [lagMax])) addLane(states, row, shard.id)
  }
  return [...states.values()].sort((a, b) => (a.stream < b.stream ? -1 : 1))
}

function addStream(states: Map<string, StreamState>, { name, partitions, keep_ms, newest_at }: StreamRow): void {
  const state = states.get(name) ?? { stream: name, partitions, keepMs: Number(keep_ms), groups: [] }
  if (newest_at && (!state.newestAt || state.newestAt < newest_at)) state.newestAt = newest_at
  states.set(name, state)
}

function addLane(states: Map<string, StreamState>, row: GroupRow, shard: string): void {
  const groups = states.get(row.stream)?.groups
  if (!groups) return
  let group: GroupState | undefined = groups.find((other) => other.group === row.group_name)
  if (!group) {
    group = { group: row.group_name, lanes: [] }
    groups.push(group)
  }
  group.lanes.push({
    id: `${shard}/${row.partition}`,
    position: positionOf(row, shard),
    lag: Math.min(row.lag, lagMax),
    isMore: row.lag > lagMax,
    oldestMs: Math.max(0, row.oldest_ms),
    failed: row.attempts,
    ...(row.holder !== null && { holder: row.holder }),
    ...(row.reason !== null && { reason: row.reason }),
  })
}
