-- Schedules: when each is due next. Sharded by name, so that they move with their slot; the job that one publishes is inserted
-- on the same shard, in the transaction that moves next_at on.
create table tenfold_schedules (
  name text collate "C" primary key,
  queue text not null,
  cron text not null,
  time_zone text not null,
  next_at timestamptz not null,
  -- The time for which it fired last, and when that was.
  fired_for timestamptz,
  fired_at timestamptz,
  fired bigint not null default 0,
  last_job text,
  -- When a process whose app has this cron and time_zone looked last.
  seen_at timestamptz not null default now()
) partition by hash (name);
