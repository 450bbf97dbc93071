-- When a job was published is what its id begins with, whatever version of UUID it says it is: jobs that come from JetStream keep
-- their ids, which are of version 8, and of those PostgreSQL answers null. They could not be buried, and had no age.
create function tenfold.time_of_job(id uuid) returns timestamptz language sql immutable strict parallel safe as $$
  select coalesce(uuid_extract_timestamp(id),
    to_timestamp(('x' || lpad(left(replace(id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint / 1000.0))
$$;

-- Gives jobs up: among the dead, with the reason of each.
create or replace function tenfold.bury_jobs(buckets smallint[], ids uuid[], leases integer[], reasons text[]) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  gone uuid[];
begin
  with given_up as (
    delete from tenfold.queue_jobs j using unnest(ids, leases, reasons) as ended (id, lease, reason)
    where j.bucket = any(buckets) and j.id = ended.id and j.lease <= ended.lease
    returning j.*, ended.reason
  ), buried as (
    insert into tenfold.dead_jobs (id, queue, rank, key, body, attempt, published_at, reason, trace, failures)
    select g.id, g.queue, g.rank, g.key, g.body, g.attempt, tenfold.time_of_job(g.id), g.reason, g.trace,
      tenfold.with_failure(g.failures, g.attempt, g.reason, g.holder)
    from given_up g
    on conflict (id) do nothing
    returning id
  )
  select array_agg(g.id) into gone from given_up g;
  perform tenfold.free_names(gone);
end $$;

-- What lies in each queue. Each count ends at `rows_max` rows.
create or replace function tenfold.job_depth(rows_max integer) returns table (
  queue text, waiting integer, delayed integer, leased integer, dead integer, is_more boolean, oldest_ms double precision
) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
    with recursive named (name) as (
      select least(
        (select j.queue from tenfold.queue_jobs j where j.run_at is null order by j.queue limit 1),
        (select j.queue from tenfold.queue_jobs j where j.run_at is not null order by j.queue limit 1),
        (select d.queue from tenfold.dead_jobs d order by d.queue limit 1))
      union all
      select least(
        (select j.queue from tenfold.queue_jobs j where j.run_at is null and j.queue > n.name order by j.queue limit 1),
        (select j.queue from tenfold.queue_jobs j where j.run_at is not null and j.queue > n.name order by j.queue limit 1),
        (select d.queue from tenfold.dead_jobs d where d.queue > n.name order by d.queue limit 1))
      from named n where n.name is not null)
    select n.name, (due.free + later.due)::integer, later.waiting::integer, (due.held + later.held)::integer, gone.count::integer,
      due.count >= rows_max or later.count >= rows_max or gone.count >= rows_max,
      coalesce(extract(epoch from clock_timestamp() - least(due.since, later.since)) * 1000, 0)::float8
    from named n
    cross join lateral (
      select count(*) as count, count(*) filter (where r.lease_until > clock_timestamp()) as held,
        count(*) filter (where r.lease_until is null or r.lease_until <= clock_timestamp()) as free,
        min(tenfold.time_of_job(r.id)) filter (where r.lease_until is null or r.lease_until <= clock_timestamp()) as since
      from (select j.lease_until, j.id from tenfold.queue_jobs j
        where j.queue = n.name and j.run_at is null limit rows_max) as r) as due
    cross join lateral (
      select count(*) as count, count(*) filter (where r.lease_until > clock_timestamp()) as held,
        count(*) filter (where r.run_at <= clock_timestamp() and (r.lease_until is null or r.lease_until <= clock_timestamp())) as due,
        count(*) filter (where r.run_at > clock_timestamp()) as waiting,
        min(r.run_at) filter (where r.run_at <= clock_timestamp() and (r.lease_until is null or r.lease_until <= clock_timestamp())) as since
      from (select j.lease_until, j.run_at from tenfold.queue_jobs j
        where j.queue = n.name and j.run_at is not null limit rows_max) as r) as later
    cross join lateral (
      select count(*) as count from (select from tenfold.dead_jobs d where d.queue = n.name limit rows_max) as r) as gone
    where n.name is not null;
end $$;
