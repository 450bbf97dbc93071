// The queue's statements. Each is one round trip and its own transaction.
//
// The claim is `= ANY(ARRAY(SELECT ... FOR UPDATE SKIP LOCKED))`: the array is built once. The form `IN (SELECT ...)`
// may be run again for each outer row, and claims more than its LIMIT (seen: 4324 rows for LIMIT 64).

/** $1 queues, $2 bodies, $3 delays in ms, $4 deduplication ids or nulls. Answers a row per job, in their order. */
export const publishStatement = `
with fresh as materialized (
  select number, uuidv7() as id, queue, body, delay_ms, deduplication_id
  from unnest($1::text[], $2::text[], $3::float8[], $4::text[])
    with ordinality as job (queue, body, delay_ms, deduplication_id, number)
  order by number
), kept as (
  insert into tenfold.jobs (id, queue, payload, run_at, deduplication_id)
  select id, queue, body::jsonb, now() + delay_ms * interval '1 ms', deduplication_id from fresh
  on conflict (queue, deduplication_id) where deduplication_id is not null do nothing
  returning id
)
select coalesce(kept.id, earlier.id, fresh.id) as id, kept.id is not null as is_new
from fresh left join kept using (id)
left join tenfold.jobs earlier on kept.id is null
  and earlier.queue = fresh.queue and earlier.deduplication_id = fresh.deduplication_id
order by fresh.number`

/** $1 queue, $2 max, $3 lease in ms. */
export const takeStatement = `
update tenfold.jobs
set attempt = attempt + 1, lease = gen_random_uuid(), run_at = now() + $3::float8 * interval '1 ms'
where id = any(array(
  select id from tenfold.jobs
  where queue = $1 and dead_at is null and run_at <= now()
  order by run_at, id limit $2 for update skip locked))
returning id, lease, payload, attempt, published_at`

/** $1 id, $2 lease, $3 lease in ms. Answers a row while the lease still was ours. */
export const renewStatement = `
update tenfold.jobs set run_at = now() + $3::float8 * interval '1 ms'
where id = $1 and lease = $2 and dead_at is null returning id`

/** $1 ids, $2 leases. */
export const doneStatement = `
delete from tenfold.jobs using unnest($1::uuid[], $2::uuid[]) as finished (id, lease)
where jobs.id = finished.id and jobs.lease = finished.lease`

/** $1 id, $2 lease, $3 delay in ms, $4 reason, $5 attempts given back. */
export const retryStatement = `
update tenfold.jobs
set lease = null, run_at = now() + $3::float8 * interval '1 ms', reason = $4, attempt = attempt - $5::integer
where id = $1 and lease = $2 and dead_at is null`

/** $1 id, $2 lease, $3 reason. */
export const deadStatement = `
update tenfold.jobs set lease = null, dead_at = now(), reason = $3
where id = $1 and lease = $2 and dead_at is null`

/** $1 queue, $2 id. */
export const cancelStatement = `
delete from tenfold.jobs where queue = $1 and id = $2 and dead_at is null and (lease is null or run_at <= now())
returning id`

/** $1 queue, $2 id. */
export const jobStatement = `
select id, queue, attempt, published_at as "publishedAt", payload,
  case when dead_at is not null then 'dead' when lease is not null and run_at > now() then 'leased'
    when run_at > now() then 'delayed' else 'waiting' end as state,
  case when dead_at is null and run_at > now() then run_at end as until
from tenfold.jobs where queue = $1 and id = $2`

export const depthStatement = `
select queue,
  count(*) filter (where dead_at is null and lease is null and run_at <= now())::integer as waiting,
  count(*) filter (where dead_at is null and lease is null and run_at > now())::integer as delayed,
  count(*) filter (where dead_at is null and lease is not null)::integer as leased,
  count(*) filter (where dead_at is not null)::integer as dead,
  coalesce(extract(epoch from now() - min(run_at) filter (where dead_at is null and run_at <= now())) * 1000, 0)::float8
    as oldest_ms
from tenfold.jobs group by queue`
