-- Jobs in a ring of tables, on each shard. A job is a row from its publish until it is done; then it is deleted.
--
-- Eight tables take turns, five minutes each. When a table's time has passed and it is empty it is truncated: what was
-- deleted is gone at once and for nothing, where vacuum would read every page and every index. What still waits in an old
-- table simply stays; the table is then not truncated, and takes new jobs beside the old ones when its turn comes again.
-- All eight are made here: nothing is created, attached or dropped while jobs come and go.
--
-- tenfold.jobs, the table of before, keeps what it has: processes of the former release may still work on it. The engine
-- moves here whatever is due or dead there (adopt_jobs).

create table tenfold.queue_jobs (
  -- floor(seconds since 1970 / 300) mod 8 when it was published
  bucket smallint not null,
  -- in the order of publishing; says when that was
  id uuid not null,
  queue text collate "C" not null,
  -- 9 minus priority: the smallest is handed out first
  rank smallint not null,
  key text collate "C",
  -- JSON, which nobody here needs to read
  body text not null,
  -- null: at once
  run_at timestamptz,
  trace text,
  deduplication_id text collate "C",
  attempt integer not null default 0,
  -- counts up with each handing out, so that who lost a lease can be told from who has it
  lease integer not null default 0,
  -- null: nobody's. In the past: whoever had it died, or stood still.
  lease_until timestamptz,
  holder text collate "C",
  is_canceled boolean not null default false,
  -- [{attempt, at, reason, holder}], the newest 10
  failures jsonb
) partition by list (bucket);

-- The claim changes no column that an index has, and finds room in the row's own page: a heap-only update, no index is
-- written. For that half of each page is left free. A table lives for minutes: it is truncated more often than vacuumed.
create table tenfold.queue_jobs_0 partition of tenfold.queue_jobs for values in (0) with (fillfactor = 45, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = -1);
create table tenfold.queue_jobs_1 partition of tenfold.queue_jobs for values in (1) with (fillfactor = 45, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = -1);
create table tenfold.queue_jobs_2 partition of tenfold.queue_jobs for values in (2) with (fillfactor = 45, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = -1);
create table tenfold.queue_jobs_3 partition of tenfold.queue_jobs for values in (3) with (fillfactor = 45, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = -1);
create table tenfold.queue_jobs_4 partition of tenfold.queue_jobs for values in (4) with (fillfactor = 45, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = -1);
create table tenfold.queue_jobs_5 partition of tenfold.queue_jobs for values in (5) with (fillfactor = 45, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = -1);
create table tenfold.queue_jobs_6 partition of tenfold.queue_jobs for values in (6) with (fillfactor = 45, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = -1);
create table tenfold.queue_jobs_7 partition of tenfold.queue_jobs for values in (7) with (fillfactor = 45, autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_insert_threshold = -1);

create index queue_jobs_due on tenfold.queue_jobs (queue, rank, id) where run_at is null;
create index queue_jobs_later on tenfold.queue_jobs (queue, run_at, id) where run_at is not null;
create index queue_jobs_keyed on tenfold.queue_jobs (queue, key, id) where key is not null;
create index queue_jobs_id on tenfold.queue_jobs (id);

-- Who has the turn of a key: exclusion by a unique index, whatever a snapshot shows.
create table tenfold.job_keys (
  queue text collate "C" not null,
  key text collate "C" not null,
  job_id uuid not null,
  until timestamptz not null,
  primary key (queue, key)
);

create table tenfold.job_ids (
  queue text collate "C" not null,
  deduplication_id text collate "C" not null,
  job_id uuid not null,
  is_kept boolean not null default true,
  -- the end of the window after the publish
  until timestamptz not null,
  primary key (queue, deduplication_id)
);
create index job_ids_ended on tenfold.job_ids (until) where not is_kept;

create table tenfold.dead_jobs (
  id uuid primary key,
  queue text collate "C" not null,
  rank smallint not null,
  key text collate "C",
  body text not null,
  attempt integer not null,
  published_at timestamptz not null,
  died_at timestamptz not null default clock_timestamp(),
  reason text not null,
  trace text,
  failures jsonb
);
create index dead_jobs_newest on tenfold.dead_jobs (queue, died_at, id);

grant select, insert, update, delete on tenfold.queue_jobs, tenfold.job_keys, tenfold.job_ids, tenfold.dead_jobs to app;

create function tenfold.job_bucket(at timestamptz) returns smallint language sql immutable as $$
  select (floor(extract(epoch from at) / 300)::bigint % 8)::smallint
$$;

-- When a job was published is what its id begins with, whatever version of UUID it says it is: jobs that come from JetStream
-- keep their ids, which are of version 8, and of those PostgreSQL tells no time.
create function tenfold.time_of_job(id uuid) returns timestamptz language sql immutable strict parallel safe as $$
  select coalesce(uuid_extract_timestamp(id),
    to_timestamp(('x' || lpad(left(replace(id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint / 1000.0))
$$;

-- The functions below plan for a table of millions, whatever the statistics of a table that was empty a moment ago say.
-- Such a plan leaves a table out only by a value, an array written out, or a column of the row joined before it: `= any(array)`
-- of an array that comes as a whole goes through all eight.

-- True when the job has its key's turn until then. Takes it from one whose time is over. The turn is on the disk, and on
-- replicas, before it is used: a primary that takes over must not give it to another.
create function tenfold.take_turn(of_queue text, of_key text, of_job uuid, till timestamptz) returns boolean
language sql volatile as $$
  select set_config('synchronous_commit', 'on', true);
  insert into tenfold.job_keys as held (queue, key, job_id, until) values (of_queue, of_key, of_job, till)
  on conflict (queue, key) do update set job_id = excluded.job_id, until = excluded.until
    where held.until <= clock_timestamp() or held.job_id = excluded.job_id
  returning true
$$;

-- How a taken job is told of. flags: 1 the last attempt ended without a word, 2 canceled, 4 it has a deduplication id,
-- 8 it had been delayed. A row without an id is a mark: with a rank, the place up to which that rank was looked through
-- (in `body`); without, the server's clock and when the next delayed job is due (`now_ms`, `next_ms`).
create type tenfold.taken_job as (
  bucket smallint, id uuid, rank smallint, key text, body text, trace text, attempt integer, lease integer, flags integer,
  now_ms double precision, next_ms double precision
);

-- Leases up to `wanted` jobs. `ranks` and `since` say from where on to look in each rank, `buckets` in which tables.
-- `rows_max`: so many rows of a rank are looked at, at most, where keys may hold back many.
-- `is_keyed`: jobs with a key only, or only those without; null: both.
create function tenfold.take_jobs(
  of_queue text, wanted integer, lease_ms double precision, for_holder text,
  ranks smallint[], since uuid[], buckets smallint[], due_since timestamptz, rows_max integer,
  is_keyed boolean
) returns setof tenfold.taken_job language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  began constant timestamptz := clock_timestamp();
  till constant timestamptz := began + lease_ms * interval '1 ms';
  last_of_all constant uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
  stop uuid;
  next_at timestamptz;
  taken integer;
  nr integer;
begin
  -- What a crash of the server takes back is a lease: the job is handed out again. Not worth a wait for the disk.
  perform set_config('synchronous_commit', 'off', true);
  if due_since is not null then
    return query
      with picked as materialized (
        select j.id, j.key from tenfold.queue_jobs j
        where j.queue = of_queue and j.run_at > due_since and j.run_at <= began
          and (j.lease_until is null or j.lease_until <= began)
          and (is_keyed is null or is_keyed = (j.key is not null))
          and (j.key is null or not exists (
            select from tenfold.queue_jobs e where e.queue = j.queue and e.key = j.key and e.id < j.id))
        order by j.run_at, j.id limit wanted for update skip locked)
      update tenfold.queue_jobs j
      set attempt = j.attempt + 1, lease = j.lease + 1, lease_until = till, holder = for_holder
      where j.id = any(array(
          select p.id from picked p where p.key is null or tenfold.take_turn(of_queue, p.key, p.id, till)))
      returning j.bucket, j.id, j.rank, j.key, j.body, j.trace, j.attempt, j.lease,
        (old.lease_until is not null)::integer + 2 * j.is_canceled::integer + 4 * (j.deduplication_id is not null)::integer + 8,
        null::float8, null::float8;
    get diagnostics taken = row_count;
    wanted := wanted - taken;
  end if;
  for nr in 1 .. cardinality(ranks) loop
    exit when wanted <= 0;
    stop := null;
    if rows_max is not null then
      stop := (
        select j.id from tenfold.queue_jobs j
        where j.bucket = any(array[buckets[1], buckets[2], buckets[3], buckets[4], buckets[5], buckets[6], buckets[7], buckets[8]])
          and j.queue = of_queue and j.run_at is null
          and j.rank = ranks[nr] and j.id >= since[nr]
        order by j.id offset rows_max limit 1);
      if stop is not null then
        return next (null, null, ranks[nr], null, stop::text, null, null, null, null, null, null)::tenfold.taken_job;
      end if;
    end if;
    stop := coalesce(stop, last_of_all);
    return query
      with picked as materialized (
        select j.id, j.key from tenfold.queue_jobs j
        where j.bucket = any(array[buckets[1], buckets[2], buckets[3], buckets[4], buckets[5], buckets[6], buckets[7], buckets[8]])
          and j.queue = of_queue and j.run_at is null
          and j.rank = ranks[nr] and j.id >= since[nr] and j.id <= stop
          and (j.lease_until is null or j.lease_until <= began)
          and (is_keyed is null or is_keyed = (j.key is not null))
          and (j.key is null or not exists (
            select from tenfold.queue_jobs e where e.queue = j.queue and e.key = j.key and e.id < j.id))
        order by j.id limit wanted for update skip locked)
      update tenfold.queue_jobs j
      set attempt = j.attempt + 1, lease = j.lease + 1, lease_until = till, holder = for_holder
      where j.bucket = any(array[buckets[1], buckets[2], buckets[3], buckets[4], buckets[5], buckets[6], buckets[7], buckets[8]])
        and j.id = any(array(
          select p.id from picked p where p.key is null or tenfold.take_turn(of_queue, p.key, p.id, till)))
      returning j.bucket, j.id, j.rank, j.key, j.body, j.trace, j.attempt, j.lease,
        (old.lease_until is not null)::integer + 2 * j.is_canceled::integer + 4 * (j.deduplication_id is not null)::integer,
        null::float8, null::float8;
    get diagnostics taken = row_count;
    wanted := wanted - taken;
  end loop;
  if due_since is not null then
    next_at := (
      select j.run_at from tenfold.queue_jobs j where j.queue = of_queue and j.run_at > began
      order by j.run_at limit 1);
  end if;
  return next (null, null, null, null, null, null, null, null, null,
    extract(epoch from began) * 1000, extract(epoch from next_at) * 1000)::tenfold.taken_job;
end $$;

-- Leases the first job of each key, where it is free and due.
create function tenfold.take_heads(
  of_queue text, keys text[], lease_ms double precision, for_holder text
) returns setof tenfold.taken_job language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  till constant timestamptz := clock_timestamp() + lease_ms * interval '1 ms';
  of_key text;
begin
  perform set_config('synchronous_commit', 'off', true);
  -- In the order of their names, so that two callers never wait for each other.
  for of_key in select distinct each from unnest(keys) as each order by each loop
    return query
      with picked as materialized (
        select j.id from tenfold.queue_jobs j
        where j.id = (
            select h.id from tenfold.queue_jobs h where h.queue = of_queue and h.key = of_key order by h.id limit 1)
          and (j.lease_until is null or j.lease_until <= clock_timestamp())
          and (j.run_at is null or j.run_at <= clock_timestamp())
        for update skip locked)
      update tenfold.queue_jobs j
      set attempt = j.attempt + 1, lease = j.lease + 1, lease_until = till, holder = for_holder
      where j.id = any(array(select p.id from picked p where tenfold.take_turn(of_queue, of_key, p.id, till)))
      returning j.bucket, j.id, j.rank, j.key, j.body, j.trace, j.attempt, j.lease,
        (old.lease_until is not null)::integer + 2 * j.is_canceled::integer + 4 * (j.deduplication_id is not null)::integer + 8,
        null::float8, null::float8;
  end loop;
end $$;

-- Forgets jobs that are done, but those that were handed out again. A smaller lease than the given one: the server that
-- wrote that one is gone, and the one that took over never heard of it. The plain ones: no key, no deduplication id.
create function tenfold.finish_jobs(buckets smallint[], ids uuid[], leases integer[]) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
begin
  delete from tenfold.queue_jobs j using unnest(buckets, ids, leases) as ended (bucket, id, lease)
  where j.bucket = ended.bucket and j.id = ended.id and j.lease <= ended.lease;
end $$;

-- What is to be freed with a job that is gone: its key's turn, and its deduplication id once the window is over.
create function tenfold.free_names(job_ids uuid[]) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan
as $$
begin
  delete from tenfold.job_keys k where k.job_id = any(job_ids);
  update tenfold.job_ids i set is_kept = false where i.job_id = any(job_ids);
  delete from tenfold.job_ids i where i.job_id = any(job_ids) and i.until <= clock_timestamp();
end $$;
create index job_keys_job on tenfold.job_keys (job_id);
create index job_ids_job on tenfold.job_ids (job_id);

-- As finish_jobs, for jobs with a key or a deduplication id.
create function tenfold.finish_named_jobs(buckets smallint[], ids uuid[], leases integer[]) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  gone uuid[];
begin
  with deleted as (
    delete from tenfold.queue_jobs j using unnest(buckets, ids, leases) as ended (bucket, id, lease)
    where j.bucket = ended.bucket and j.id = ended.id and j.lease <= ended.lease
    returning j.id)
  select array_agg(d.id) into gone from deleted d;
  perform tenfold.free_names(gone);
end $$;

-- Longer leases; answers the ids of those that still were ours. A job with a key needs its turn for so long, too.
create function tenfold.renew_jobs(
  buckets smallint[], ids uuid[], leases integer[], lease_ms double precision
) returns table (id uuid, is_canceled boolean) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  till constant timestamptz := clock_timestamp() + lease_ms * interval '1 ms';
begin
  perform set_config('synchronous_commit', 'off', true);
  return query
    update tenfold.queue_jobs j set lease_until = till, lease = held.lease
    from unnest(buckets, ids, leases) as held (bucket, id, lease)
    where j.bucket = held.bucket and j.id = held.id
      and (j.lease < held.lease or (j.lease = held.lease and j.lease_until is not null))
      and (j.key is null or tenfold.take_turn(j.queue, j.key, j.id, till))
    returning j.id, j.is_canceled;
end $$;

create function tenfold.with_failure(
  failures jsonb, attempt integer, reason text, holder text
) returns jsonb language sql as $$
  select jsonb_agg(each order by nr) from (
    select each, nr from jsonb_array_elements(coalesce(failures, '[]') || jsonb_build_object(
      'attempt', attempt, 'at', to_jsonb(clock_timestamp()), 'reason', reason, 'holder', holder)) with ordinality as _ (each, nr)
    order by nr desc limit 10) as newest
$$;

-- Hands a job back. A refund does not count as an attempt, and leaves no trace.
create function tenfold.retry_job(
  of_bucket smallint, of_id uuid, of_lease integer, delay_ms double precision, reason text, is_refund boolean
) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  is_gone boolean;
  has_names boolean;
begin
  update tenfold.queue_jobs j set
    lease_until = null, holder = null, lease = of_lease + 1,
    attempt = greatest(0, j.attempt - is_refund::integer),
    failures = case when is_refund then j.failures else tenfold.with_failure(j.failures, j.attempt, reason, j.holder) end,
    run_at = case when delay_ms > 0 then clock_timestamp() + delay_ms * interval '1 ms'
      when j.run_at is not null then clock_timestamp() end
  where j.bucket = of_bucket and j.id = of_id and j.lease <= of_lease
  returning j.is_canceled, j.key is not null or j.deduplication_id is not null into is_gone, has_names;
  if is_gone then
    delete from tenfold.queue_jobs j where j.bucket = of_bucket and j.id = of_id;
    perform tenfold.free_names(array[of_id]);
  elsif has_names then
    delete from tenfold.job_keys k where k.job_id = of_id;
  end if;
end $$;

-- Gives jobs up: among the dead, with the reason of each.
create function tenfold.bury_jobs(buckets smallint[], ids uuid[], leases integer[], reasons text[]) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  gone uuid[];
begin
  with given_up as (
    delete from tenfold.queue_jobs j using unnest(buckets, ids, leases, reasons) as ended (bucket, id, lease, reason)
    where j.bucket = ended.bucket and j.id = ended.id and j.lease <= ended.lease
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

-- What an earlier process of that name held is free. It counts as an attempt: that process went without a word.
--
-- No index has the holder, since each claim would have to write it. But jobs that are held lie at the front of their line, or have
-- their key's turn. So the first `rows_max` of each line are looked at, and all turns. What lies behind waits for its lease's end.
create function tenfold.release_jobs(of_holder text, rows_max integer) returns table (queue text) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
as $$
#variable_conflict use_column
declare
  began constant timestamptz := clock_timestamp();
begin
  return query
    with recursive named (name) as (
      select least(
        (select j.queue from tenfold.queue_jobs j where j.run_at is null order by j.queue limit 1),
        (select j.queue from tenfold.queue_jobs j where j.run_at is not null order by j.queue limit 1))
      union all
      select least(
        (select j.queue from tenfold.queue_jobs j where j.run_at is null and j.queue > n.name order by j.queue limit 1),
        (select j.queue from tenfold.queue_jobs j where j.run_at is not null and j.queue > n.name order by j.queue limit 1))
      from named n where n.name is not null
    ), held as materialized (
      select r.id from named n cross join generate_series(0, 9) as each (nr) cross join lateral (
        select j.id, j.holder, j.lease_until from tenfold.queue_jobs j
        where j.queue = n.name and j.run_at is null and j.rank >= each.nr::smallint and j.rank <= each.nr::smallint
        order by j.rank, j.id limit rows_max) as r
      where r.holder = of_holder and r.lease_until > began
      union all
      select r.id from named n cross join lateral (
        select j.id, j.holder, j.lease_until from tenfold.queue_jobs j
        where j.queue = n.name and j.run_at <= began
        order by j.run_at, j.id limit rows_max) as r
      where r.holder = of_holder and r.lease_until > began
      union all
      select k.job_id from tenfold.job_keys k where k.until > began
    ), freed as (
      update tenfold.queue_jobs j set lease_until = clock_timestamp(), lease = j.lease + 1
      where j.id = any(array(select h.id from held h)) and j.holder = of_holder and j.lease_until > began
      returning j.queue, j.id
    ), turns as (
      delete from tenfold.job_keys k using freed f where k.queue = f.queue and k.job_id = f.id
    )
    select f.queue from freed f;
end $$;

create function tenfold.cancel_job(of_queue text, of_id uuid) returns text language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  was_held boolean;
begin
  update tenfold.queue_jobs j set is_canceled = true where j.id = of_id and j.queue = of_queue
  returning coalesce(j.lease_until > clock_timestamp(), false) into was_held;
  if was_held is null then return 'unknown'; end if;
  if was_held then return 'asked'; end if;
  delete from tenfold.queue_jobs j where j.id = of_id and j.queue = of_queue;
  perform tenfold.free_names(array[of_id]);
  return 'canceled';
end $$;

-- The first job that could be taken, of the next `rows_max` in line after a place; and the place where that look ended,
-- null at the end of the line; `due_ms`: since when a delayed job is due. Finds what a claim that goes on from its last place does not see: leases that ended, jobs
-- that were handed back, transactions that committed late.
create function tenfold.look_for_job(
  of_queue text, from_rank smallint, from_id uuid, rows_max integer, is_keyed boolean,
  out found_rank smallint, out found_id uuid, out last_rank smallint, out last_id uuid, out due_ms double precision
) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan
as $$
declare
  next record;
  seen integer := 0;
begin
  for next in
    select j.rank, j.id, j.key, j.lease_until from tenfold.queue_jobs j
    where j.queue = of_queue and j.run_at is null and (j.rank, j.id) > (from_rank, from_id)
    order by j.rank, j.id limit rows_max
  loop
    seen := seen + 1;
    last_rank := next.rank;
    last_id := next.id;
    if (next.lease_until is null or next.lease_until <= clock_timestamp())
      and (is_keyed is null or is_keyed = (next.key is not null)) and (next.key is null or not exists (
      select from tenfold.queue_jobs e where e.queue = of_queue and e.key = next.key and e.id < next.id))
    then
      found_rank := next.rank;
      found_id := next.id;
      exit;
    end if;
  end loop;
  if found_id is null and seen < rows_max then
    last_rank := null;
    last_id := null;
  end if;
  due_ms := extract(epoch from (
    select j.run_at from tenfold.queue_jobs j
    where j.queue = of_queue and j.run_at <= clock_timestamp() and (j.lease_until is null or j.lease_until <= clock_timestamp())
      and (is_keyed is null or is_keyed = (j.key is not null))
    order by j.run_at limit 1)) * 1000;
end $$;

-- Empties a table whose time has passed and that has no row left. No row can be lost: whoever may still commit one holds a
-- lock that this does not get, and the look behind the lock sees whatever was committed before.
--
-- All claims and ends wait for that lock, so it is held for a moment only. The first look, without it, marks what is dead in
-- the index, so that the second one is short. Where a snapshot keeps that from being marked, each look steps over every dead
-- row; a first one that took more than `look_ms_max` is the last one, until it goes faster.
create function tenfold.clear_jobs(nr integer, look_ms_max double precision) returns boolean language plpgsql
set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  name constant text := 'tenfold.queue_jobs_' || nr;
  look constant text := 'select exists (select from ' || name || $q$ where id >= '00000000-0000-0000-0000-000000000000')$q$;
  began constant timestamptz := clock_timestamp();
  is_busy boolean;
begin
  if pg_relation_size(name::regclass) = 0 then return false; end if;
  execute look into is_busy;
  if is_busy or clock_timestamp() > began + look_ms_max * interval '1 ms' then return false; end if;
  perform set_config('lock_timeout', '20ms', true);
  -- Else the lock is kept until replicas have answered. Were this lost with the server, the table would have its dead rows again.
  perform set_config('synchronous_commit', 'local', true);
  execute 'lock table ' || name || ' in access exclusive mode';
  execute look into is_busy;
  if is_busy then return false; end if;
  execute 'truncate ' || name;
  return true;
exception when lock_not_available then
  return false;
end $$;
grant truncate on tenfold.queue_jobs_0, tenfold.queue_jobs_1, tenfold.queue_jobs_2, tenfold.queue_jobs_3,
  tenfold.queue_jobs_4, tenfold.queue_jobs_5, tenfold.queue_jobs_6, tenfold.queue_jobs_7 to app;
grant select, insert, update, delete on tenfold.queue_jobs_0, tenfold.queue_jobs_1, tenfold.queue_jobs_2, tenfold.queue_jobs_3,
  tenfold.queue_jobs_4, tenfold.queue_jobs_5, tenfold.queue_jobs_6, tenfold.queue_jobs_7 to app;

-- Moves up to `rows_max` jobs of the former release's table: all but those that one of its workers holds.
create function tenfold.adopt_jobs(rows_max integer) returns integer language plpgsql as $$
declare
  moved integer;
begin
  with old as (
    delete from tenfold.jobs j where j.id = any(array(
      select o.id from tenfold.jobs o
      where o.lease is null or o.dead_at is not null or o.run_at <= clock_timestamp()
      limit rows_max for update skip locked))
    returning *
  ), names as (
    insert into tenfold.job_ids (queue, deduplication_id, job_id, until)
    select o.queue, o.deduplication_id, o.id, clock_timestamp() from old o
    where o.deduplication_id is not null and o.dead_at is null
    on conflict do nothing
    returning job_id
  ), alive as (
    insert into tenfold.queue_jobs
      (bucket, id, queue, rank, body, run_at, deduplication_id, attempt, lease_until)
    select tenfold.job_bucket(clock_timestamp()), o.id, o.queue, 9, o.payload::text,
      case when o.run_at > clock_timestamp() then o.run_at end, o.deduplication_id, o.attempt,
      case when o.lease is not null then o.run_at end
    from old o left join names on names.job_id = o.id
    where o.dead_at is null and (o.deduplication_id is null or names.job_id is not null)
  ), dead as (
    insert into tenfold.dead_jobs (id, queue, rank, body, attempt, published_at, died_at, reason)
    select o.id, o.queue, 9, o.payload::text, o.attempt, o.published_at, o.dead_at, coalesce(o.reason, 'unknown')
    from old o where o.dead_at is not null
    on conflict do nothing
  )
  select count(*) into moved from old;
  return moved;
end $$;

-- What lies in each queue, by the first rows of each line, in its order. Those that are leased come first: `rows_max` that wait are
-- counted behind a tenth as many of them. Each count ends at `rows_max`, and may be too small where `is_more`. The oldest is
-- looked for by itself in each rank, however many wait.
create function tenfold.job_depth(rows_max integer) returns table (
  queue text, waiting integer, delayed integer, leased integer, dead integer, is_more boolean, oldest_ms double precision
) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
as $$
#variable_conflict use_column
declare
  began constant timestamptz := clock_timestamp();
  looked_at constant integer := rows_max + rows_max / 10;
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
    select n.name, least(rows_max, due.free + later.due)::integer, least(rows_max, later.waiting)::integer,
      least(rows_max, due.held + later.held)::integer, gone.count::integer,
      due.count >= looked_at or later.count >= looked_at or gone.count >= rows_max
        or due.free + later.due >= rows_max or later.waiting >= rows_max or due.held + later.held >= rows_max,
      coalesce(extract(epoch from began - least(first.since, later.since)) * 1000, 0)::float8
    from named n
    cross join lateral (
      select count(*) as count, count(*) filter (where r.lease_until > began) as held,
        count(*) filter (where r.lease_until is null or r.lease_until <= began) as free
      from (select j.lease_until from tenfold.queue_jobs j
        where j.queue = n.name and j.run_at is null order by j.rank, j.id limit looked_at) as r) as due
    cross join lateral (
      select min(tenfold.time_of_job(f.id)) as since
      from generate_series(0, 9) as each (nr) cross join lateral (
        -- Not `rank =`: then the index of ids alone would have the order, and be read for a rank that has none.
        select j.id from tenfold.queue_jobs j
        where j.queue = n.name and j.run_at is null and j.rank >= each.nr::smallint and j.rank <= each.nr::smallint
          and (j.lease_until is null or j.lease_until <= began)
        order by j.rank, j.id limit 1) as f
      where due.free > 0) as first
    cross join lateral (
      select count(*) as count, count(*) filter (where r.lease_until > began) as held,
        count(*) filter (where r.run_at <= began and (r.lease_until is null or r.lease_until <= began)) as due,
        count(*) filter (where r.run_at > began and (r.lease_until is null or r.lease_until <= began)) as waiting,
        min(r.run_at) filter (where r.run_at <= began and (r.lease_until is null or r.lease_until <= began)) as since
      from (select j.lease_until, j.run_at from tenfold.queue_jobs j
        where j.queue = n.name and j.run_at is not null order by j.run_at, j.id limit looked_at) as r) as later
    cross join lateral (
      select count(*) as count from (select from tenfold.dead_jobs d where d.queue = n.name limit rows_max) as r) as gone
    where n.name is not null;
end $$;
