-- Answers by Idempotency-Key, kept beside what the request wrote: in its slot, in its transaction. Which slot that is
-- depends on the app's own key, so the row carries a number that hashes into it.
create table tenfold_once (
  slot_key bigint not null,
  key text not null,
  fingerprint text not null,
  answer jsonb,
  created_at timestamptz not null default now(),
  primary key (slot_key, key)
) partition by hash (slot_key);

create index tenfold_once_created_at on tenfold_once (created_at);
