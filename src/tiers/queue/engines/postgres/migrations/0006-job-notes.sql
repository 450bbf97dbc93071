-- What a line that keeps messages only (JetStream) cannot keep of a job that was handed out and came back: the word of its
-- last attempt. On the first shard; a job that is done at once has no row here.
create table tenfold.job_notes (
  id text primary key,
  queue text collate "C" not null,
  -- how often the server had handed it out when this was written
  deliveries integer not null,
  -- ... of which so many do not count as attempts
  refunds integer not null default 0,
  -- when it is handed out again
  run_at timestamptz not null,
  -- [{attempt, at, reason, holder}], the newest 10
  failures jsonb not null default '[]',
  at timestamptz not null default now()
);
create index job_notes_at on tenfold.job_notes (at);
grant select, insert, update, delete on tenfold.job_notes to app;
