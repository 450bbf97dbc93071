// The queue's statements. Each is one round trip and its own transaction; what takes several steps is a function of
// migrations/0002-ring.sql. All but the publish may be repeated: the router takes them for reads, and at a fence asks again.

/**
 * $1 queues, $2 bodies, $3 ranks, $4 keys, $5 delays in ms, $6 traces. Answers the ids, in order: uuidv7() only grows
 * within a session.
 */
export const publishStatement = `
insert into tenfold.queue_jobs (bucket, id, queue, body, rank, key, run_at, trace)
select tenfold.job_bucket(statement_timestamp()), uuidv7(), queue, body, rank, key,
  case when delay_ms > 0 then statement_timestamp() + delay_ms * interval '1 ms' end, trace
from unnest($1::text[], $2::text[], $3::smallint[], $4::text[], $5::float8[], $6::text[])
  as job (queue, body, rank, key, delay_ms, trace)
returning id`

/**
 * ... $7 deduplication ids or nulls, $8 windows in ms. Answers a row for each job, in order. Who comes second waits on the
 * row of the first until that one has committed, and then has its id.
 */
export const publishNamedStatement = `
with fresh as materialized (
  select number, uuidv7() as id, queue, body, rank, key, delay_ms, trace, name, window_ms
  from unnest($1::text[], $2::text[], $3::smallint[], $4::text[], $5::float8[], $6::text[], $7::text[], $8::float8[])
    with ordinality as job (queue, body, rank, key, delay_ms, trace, name, window_ms, number)
), first as materialized (
  select distinct on (queue, name) * from fresh where name is not null order by queue, name, number
), named as (
  insert into tenfold.job_ids as held (queue, deduplication_id, job_id, until)
  select queue, name, id, statement_timestamp() + window_ms * interval '1 ms' from first order by queue, name
  on conflict (queue, deduplication_id) do update set
    job_id = case when held.is_kept or held.until > statement_timestamp() then held.job_id else excluded.job_id end,
    until = case when held.is_kept or held.until > statement_timestamp() then held.until else excluded.until end,
    is_kept = held.is_kept or held.until <= statement_timestamp()
  returning queue, deduplication_id as name, job_id
), kept as (
  insert into tenfold.queue_jobs (bucket, id, queue, body, rank, key, run_at, trace, deduplication_id)
  select tenfold.job_bucket(statement_timestamp()), fresh.id, queue, body, rank, key,
    case when delay_ms > 0 then statement_timestamp() + delay_ms * interval '1 ms' end, trace, name
  from fresh left join named using (queue, name)
  where fresh.name is null or named.job_id = fresh.id
  order by number
)
select coalesce(named.job_id, fresh.id) as id, fresh.name is null or named.job_id = fresh.id as is_new
from fresh left join named using (queue, name)
order by fresh.number`

/** $1 queue, $2 max, $3 lease in ms, $4 holder, $5 ranks, $6 since, $7 tables, $8 delayed jobs since, $9 rows to look at, $10 with a key or without. */
export const takeStatement = 'select * from tenfold.take_jobs($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)'

/** $1 queue, $2 keys, $3 lease in ms, $4 holder. */
export const takeHeadsStatement = 'select * from tenfold.take_heads($1, $2, $3, $4)'

/** $1 queue, $2 rank, $3 id, $4 rows to look at, $5 with a key or without. */
export const lookStatement = 'select * from tenfold.look_for_job($1, $2, $3, $4, $5)'

/** $1 queue. In the order of the index, so that it is used. Answers a row where jobs with a key wait, or run. */
export const hasKeysStatement =
  'select key from tenfold.queue_jobs where queue = $1 and key is not null order by key limit 1'

/** For each job: $1 tables, $2 ids, $3 leases; for those with a key or a deduplication id, and for the others. */
export const finishNamedStatement = 'select tenfold.finish_named_jobs($1, $2, $3)'
export const finishStatement = 'select tenfold.finish_jobs($1, $2, $3)'

/** For each job: $1 tables, $2 ids, $3 leases; $4 lease in ms. */
export const renewStatement = 'select * from tenfold.renew_jobs($1, $2, $3, $4)'

/** $1 table, $2 id, $3 lease, $4 delay in ms, $5 reason, $6 whether it does not count. */
export const retryStatement = 'select tenfold.retry_job($1, $2, $3, $4, $5, $6)'

/** For each job: $1 tables, $2 ids, $3 leases, $4 reasons. */
export const buryStatement = 'select tenfold.bury_jobs($1, $2, $3, $4)'

/** $1 holder, $2 rows of each line to look at. */
export const releaseStatement = 'select * from tenfold.release_jobs($1, $2)'

/** $1 queue, $2 id. */
export const cancelStatement = 'select tenfold.cancel_job($1, $2) as answer'

/** $1 queue, $2 id. */
export const jobStatement = `
select id, queue, attempt, rank, key, body, trace, coalesce(failures, '[]') as failures,
  case when lease_until > clock_timestamp() then holder end as holder,
  case when lease_until > clock_timestamp() then 'leased' when run_at > clock_timestamp() then 'delayed' else 'waiting' end as state,
  case when lease_until > clock_timestamp() then lease_until when run_at > clock_timestamp() then run_at end as until
from tenfold.queue_jobs where queue = $1 and id = $2
union all
select id, queue, attempt, rank, key, body, trace, coalesce(failures, '[]'), null, 'dead', null
from tenfold.dead_jobs where queue = $1 and id = $2`

/** $1 what a count ends at. */
export const depthStatement = 'select * from tenfold.job_depth($1)'

/** $1 queues of which something may have come. A NOTIFY is a commit, and one that nobody need wait for a disk or a replica for. */
export const notifyStatement = "select set_config('synchronous_commit', 'off', true), pg_notify('tenfold_jobs', $1)"
export const listenStatement = 'listen tenfold_jobs'

/** $1 number of a table, $2 how long the look for a row may take, in ms. */
export const clearStatement = 'select tenfold.clear_jobs($1, $2) as is_cleared'

/** $1 rows. */
export const adoptStatement = 'select tenfold.adopt_jobs($1) as moved'

/** Deduplication ids whose job is gone and whose window is over. $1 rows; answers as many as there were. */
export const forgetIdsStatement = `
delete from tenfold.job_ids where (queue, deduplication_id) in (
  select queue, deduplication_id from tenfold.job_ids
  where not is_kept and until <= clock_timestamp() limit $1 for update skip locked)
returning 1`
