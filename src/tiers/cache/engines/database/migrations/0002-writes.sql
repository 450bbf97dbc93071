-- Writes of write-back that are acknowledged and not stored yet: one for each key, the newest.
--   waiting: lease is null, due_at is when it may be taken
--   taken:   lease names the one who stores it, due_at is when the lease ends
-- `kind` and `body` are the value, nulls a deletion. `version` is in microseconds since 1970 and grows for each key.
create table tenfold_writes (
  name text not null,
  key text not null,
  kind text,
  body bytea,
  version bigint not null,
  due_at timestamptz not null,
  lease uuid,
  attempt integer not null default 0,
  reason text,
  primary key (name, key)
) partition by hash (key);

create index tenfold_writes_due on tenfold_writes (name, due_at);
