// The statements of streams. Each is one round trip and its own transaction.
//
// What may be read ends below pg_snapshot_xmin: the oldest transaction that was under way when the statement began. All before it
// are over, so nothing can come to stand there any more, however late the others commit.

import { bucketSql, bucketsOf } from './rings.ts'

/** $1 name, $2 partitions, $3 retention in ms, $4 ring, $5 whether the retention is one that somebody asked for. */
export const defineStatement = `
insert into tenfold.streams (name, partitions, keep_ms, ring) values ($1, $2, $3, $4)
on conflict (name) do update set keep_ms = case when $5::boolean then excluded.keep_ms else streams.keep_ms end
returning partitions, keep_ms, ring`

/** $1 rings, $2 streams, $3 partitions, $4 keys, $5 bodies, $6 traces. Answers in their order. */
export const appendStatement = `
insert into tenfold.stream_entries (bucket, stream, partition, key, body, trace)
select ${bucketSql('ring')}, stream, partition, key, body, trace
from unnest($1::smallint[], $2::text[], $3::smallint[], $4::text[], $5::text[], $6::text[])
  with ordinality as entry (ring, stream, partition, key, body, trace, n)
order by n
returning xid, seq`

/** The next entries behind the place of `held`; a row of nulls when there are none. */
function nextOf(ring: number, max: string): string {
  const { first, last } = bucketsOf(ring)
  return `
select held.xid as after_xid, held.seq as after_seq, held.attempts, entry.*
from held left join lateral (
  select xid, seq, at, key, body, trace from tenfold.stream_entries as entry
  where entry.bucket between ${first} and ${last}
    and entry.stream = $1 and entry.partition = $3
    and (entry.xid, entry.seq) > (held.xid, held.seq)
    and entry.xid < pg_snapshot_xmin(pg_current_snapshot())
  order by entry.xid, entry.seq limit ${max}
) as entry on true
order by entry.xid, entry.seq`
}

/** $1 stream, $2 group, $3 partition, $4 epoch, $5 max. No row: the epoch is another one. */
export const readStatement = (ring: number): string => `
with held as (
  select xid, seq, attempts from tenfold.stream_groups
  where stream = $1 and group_name = $2 and partition = $3 and epoch = $4
)${nextOf(ring, '$5')}`

/** As `readStatement`, and keeps before that everything up to $6 xid, $7 seq as handled. */
export const advanceStatement = (ring: number): string => `
with held as (
  update tenfold.stream_groups set xid = $6::xid8, seq = $7, attempts = 0, reason = null
  where stream = $1 and group_name = $2 and partition = $3 and epoch = $4
  returning xid, seq, attempts
)${nextOf(ring, '$5')}`

/** $1 stream, $2 group, $3 partition, $4 epoch, $5 reason. */
export const failedStatement = `
update tenfold.stream_groups set attempts = attempts + 1, reason = $5
where stream = $1 and group_name = $2 and partition = $3 and epoch = $4`

/** $1 stream, $2 group, $3 partition, $4 epoch, $5 and $6 the place when something was handled since. */
export const letGoStatement = `
update tenfold.stream_groups
set holder = null, lease_until = null, epoch = epoch + 1,
  attempts = case when $5::xid8 is null then attempts else 0 end,
  xid = coalesce($5::xid8, xid), seq = coalesce($6::bigint, seq)
where stream = $1 and group_name = $2 and partition = $3 and epoch = $4`

/** $1 stream, $2 group, $3 holder, $4 lease in ms. A row for each lane: none before the group is made. Writes nothing. */
export const lookStatement = `
select partition, epoch, coalesce(holder = $3, false) as is_mine, holder is null or lease_until < now() as is_free,
  (select count(*)::integer from tenfold.stream_readers
    where stream = $1 and group_name = $2 and holder <> $3 and until > now()) as others,
  exists (select from tenfold.stream_readers
    where stream = $1 and group_name = $2 and holder = $3 and until > now() + $4::float8 * interval '0.67 ms') as is_fresh
from tenfold.stream_groups where stream = $1 and group_name = $2`

/** $1 stream, $2 group, $3 holder, $4 lease in ms. Answers the lanes that the holder still has. */
export const renewStatement = `
with reader as (
  insert into tenfold.stream_readers (stream, group_name, holder, until)
  values ($1, $2, $3, now() + $4::float8 * interval '1 ms')
  on conflict (stream, group_name, holder) do update set until = excluded.until
)
update tenfold.stream_groups set lease_until = now() + $4::float8 * interval '1 ms'
where stream = $1 and group_name = $2 and holder = $3
returning partition, epoch`

/**
 * $1 stream, $2 group, $3 holder, $4 lease in ms, $5 max. A lane whose holder was never heard of again has failed once more:
 * its entry may be what ended the process.
 */
export const claimStatement = `
update tenfold.stream_groups
set holder = $3, lease_until = now() + $4::float8 * interval '1 ms', epoch = epoch + 1,
  attempts = attempts + case when holder is null then 0 else 1 end
where stream = $1 and group_name = $2 and partition = any(array(
  select partition from tenfold.stream_groups
  where stream = $1 and group_name = $2 and (holder is null or lease_until < now())
  order by partition limit $5 for update skip locked))
returning partition, epoch`

/** $1 stream, $2 group, $3 holder. */
export const leaveStatement = `
delete from tenfold.stream_readers where stream = $1 and group_name = $2 and holder = $3`

/** $1 node: of every holder that is a life of it. */
export const releaseStatement = `
with gone as (delete from tenfold.stream_readers where starts_with(holder, $1 || '#'))
update tenfold.stream_groups set holder = null, lease_until = null, epoch = epoch + 1, attempts = attempts + 1
where starts_with(holder, $1 || '#')
returning partition`

export const sweepReadersStatement = `delete from tenfold.stream_readers where until < now() - interval '1 hour'`

/** Truncates a bucket that is not the one being filled, when all in it is older than its ring's streams keep. */
export function truncateStatement(ring: number, bucket: number): string {
  const table = `tenfold.stream_entries_${String(bucket).padStart(2, '0')}`
  const keepsOne = `exists (select from ${table} where at > now() - keep)`
  // Whoever holds the lock decides again: a row may have been committed since. Readers wait for it at most 100 ms.
  return `do $$
declare keep interval := (select max(keep_ms) * interval '1 ms' from tenfold.streams where ring = ${ring});
begin
  if ${bucketSql(String(ring))} = ${bucket} or not exists (select from ${table}) or ${keepsOne} then return; end if;
  perform set_config('lock_timeout', '100ms', true);
  lock table ${table} in access exclusive mode;
  if not ${keepsOne} then truncate ${table}; end if;
exception when lock_not_available then null;
end $$`
}
