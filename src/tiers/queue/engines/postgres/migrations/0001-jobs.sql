-- Jobs, on each shard. One row is waiting, leased or dead:
--   waiting: lease is null, run_at is when it may be handed out
--   leased:  lease names the one who holds it, run_at is when the lease ends; after that it is handed out again
--   dead:    dead_at is set; kept with its reason until somebody deletes it
create schema if not exists tenfold;
grant usage on schema tenfold to app;

create table tenfold.jobs (
  id uuid primary key default uuidv7(),
  queue text not null,
  payload jsonb not null,
  attempt integer not null default 0,
  run_at timestamptz not null default now(),
  lease uuid,
  published_at timestamptz not null default now(),
  deduplication_id text,
  dead_at timestamptz,
  reason text
);

create index jobs_due on tenfold.jobs (queue, run_at, id) where dead_at is null;
create unique index jobs_deduplication on tenfold.jobs (queue, deduplication_id) where deduplication_id is not null;

-- Rows live for milliseconds: what is dead must go before the claim has to step over it.
alter table tenfold.jobs set (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 500,
  autovacuum_vacuum_cost_delay = 0
);

grant select, insert, update, delete on tenfold.jobs to app;
