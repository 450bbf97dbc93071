-- Sessions, sharded by their own id, so that they spread and move like everything else.
create table tenfold_sessions (
  id text not null,
  fields jsonb not null,
  expires_at timestamptz not null,
  primary key (id)
) partition by hash (id);

create index tenfold_sessions_expires_at on tenfold_sessions (expires_at);
