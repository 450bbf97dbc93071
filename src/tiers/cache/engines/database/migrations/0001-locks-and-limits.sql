-- Locks and rate limits, sharded by their names. `token` is that of the last holder, in microseconds since 1970.
create table tenfold_locks (
  name text not null,
  token bigint not null,
  held_until timestamptz not null,
  primary key (name)
) partition by hash (name);

-- One window of one name, in parts of `part_us`: `used` are the takes of the part `part` (of those since 1970) and of the
-- ten before it, the newest last. All of them are over at `ends_at`.
create table tenfold_limits (
  name text not null,
  part_us bigint not null,
  part bigint not null,
  used bigint[] not null,
  ends_at timestamptz not null,
  primary key (name, part_us)
) partition by hash (name);
