-- What is kept of jobs besides their place in line. On every shard, since every shard has the same schema; the first one of
-- the map is asked.

-- Jobs that a process may run at once of a queue whose concurrency is limited over all processes. Nobody's after `until`.
create table tenfold.queue_slots (
  queue text not null,
  holder text not null,
  slots integer not null,
  until timestamptz not null,
  primary key (queue, holder)
);

-- Starts of a queue, or of one of its keys (`queue/key`), in parts of `part_us`: `used` are those of the part `part` (of those
-- since 1970) and of the ten before it, the newest last. All of them are over at `ends_at`.
create table tenfold.queue_starts (
  name text primary key,
  part_us bigint not null,
  part bigint not null,
  used bigint[] not null,
  ends_at timestamptz not null
);

create table tenfold.job_progress (
  id text primary key,
  value json not null,
  at timestamptz not null default now()
);

create table tenfold.job_cancels (
  id text primary key,
  at timestamptz not null default now()
);

grant select, insert, update, delete
  on tenfold.queue_slots, tenfold.queue_starts, tenfold.job_progress, tenfold.job_cancels to app;

-- Takes up to `wanted` starts from a sliding window, by the server's clock. Never more than `rate` in any window, at the price
-- of giving room back a part late. Less than nothing gives back.
create function tenfold.take_starts(
  window_name text, wanted bigint, rate bigint, per_ms double precision, out granted bigint, out wait_ms double precision
) language plpgsql as $$
declare
  parts constant integer := 10;
  width constant bigint := ceil(per_ms * 1000 / parts)::bigint;
  none constant bigint[] := array_fill(0::bigint, array[parts + 1]);
  row_now tenfold.queue_starts;
  now_us bigint;
  now_part bigint;
  age integer;
  counts bigint[];
  free bigint;
  oldest integer;
begin
  insert into tenfold.queue_starts values (window_name, width, 0, none, to_timestamp(0)) on conflict do nothing;
  select * into row_now from tenfold.queue_starts where name = window_name for update;
  now_us := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
  now_part := greatest(now_us / width, case when row_now.part_us = width then row_now.part else 0 end);
  -- Another width: the limit was changed, and what was counted under the former one counts as if it had been just now.
  if row_now.part_us <> width then
    counts := none;
    if row_now.ends_at > clock_timestamp() then
      counts[parts + 1] := (select sum(each) from unnest(row_now.used) as each);
    end if;
  else
    age := least(now_part - row_now.part, parts + 1)::integer;
    counts := row_now.used[age + 1:] || array_fill(0::bigint, array[age]);
  end if;
  free := rate - (select sum(each) from unnest(counts) as each);
  granted := greatest(least(wanted, free), least(wanted, 0));
  counts[parts + 1] := greatest(0, counts[parts + 1] + granted);
  wait_ms := 0;
  if granted < wanted then
    oldest := coalesce((select min(i) from generate_subscripts(counts, 1) as i where counts[i] > 0), parts + 1);
    wait_ms := greatest(1, ((now_part + oldest) * width - now_us) / 1000.0);
  end if;
  update tenfold.queue_starts
  set part_us = width, part = now_part, used = counts, ends_at = to_timestamp((now_part + parts + 1) * width / 1000000.0)
  where name = window_name;
end $$;

-- So many of `wanted` jobs may start beside the `held` that `of_holder` runs already. A null limit does not count.
create function tenfold.grant_starts(
  of_queue text, of_holder text, wanted bigint, held bigint, slot_ms double precision,
  slots_max bigint, rate bigint, per_ms double precision,
  out granted bigint, out wait_ms double precision
) language plpgsql as $$
declare
  others bigint;
begin
  -- What is lost when the server dies is a grant or two: not worth a wait for the disk, nor for replicas.
  perform set_config('synchronous_commit', 'off', true);
  granted := wanted;
  wait_ms := 0;
  if slots_max is not null then
    perform pg_advisory_xact_lock(hashtextextended(of_queue, 7306));
    select coalesce(sum(slots), 0) into others from tenfold.queue_slots
    where queue = of_queue and holder <> of_holder and until > clock_timestamp();
    granted := least(granted, greatest(0, slots_max - others - held));
  end if;
  if rate is not null and granted <> 0 then
    select taken.granted, taken.wait_ms into granted, wait_ms
    from tenfold.take_starts(of_queue, granted, rate, per_ms) as taken;
  end if;
  if slots_max is not null then
    if held + granted > 0 then
      insert into tenfold.queue_slots
      values (of_queue, of_holder, held + granted, clock_timestamp() + slot_ms * interval '1 ms')
      on conflict (queue, holder) do update set slots = excluded.slots, until = excluded.until;
    else
      delete from tenfold.queue_slots where queue = of_queue and holder = of_holder;
    end if;
  end if;
end $$;

-- One start of each key. In the order of their names, so that two callers never wait for each other.
create function tenfold.grant_keys(
  of_queue text, keys text[], rate bigint, per_ms double precision, out key text, out wait_ms double precision
) returns setof record language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  for key in select distinct each from unnest(keys) as each order by each loop
    wait_ms := (select taken.wait_ms from tenfold.take_starts(of_queue || '/' || key, 1, rate, per_ms) as taken);
    return next;
  end loop;
end $$;
