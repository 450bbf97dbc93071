-- Business figures, kept whole on the first shard: counters of a day, and who was there on it.
create schema if not exists tenfold;
grant usage on schema tenfold to app;

create table tenfold.kpi_daily (
  day date not null,
  name text not null,
  value double precision not null,
  primary key (day, name)
);

create table tenfold.kpi_active (
  day date not null,
  user_id text not null,
  primary key (day, user_id)
);

-- The last batch of each process that was added, so that a batch whose answer was lost is not added twice.
create table tenfold.kpi_batch (
  source uuid primary key,
  batch bigint not null,
  at timestamptz not null
);

grant select, insert, update, delete on tenfold.kpi_daily, tenfold.kpi_active, tenfold.kpi_batch to app;
