-- Streams, on each shard: an append-only log, who reads it, and how far.
--
-- An entry's place is (xid, seq): the transaction that appended it, and its turn in that. Readers read only below the
-- oldest transaction that is still under way, so that whoever commits late comes into the order where nobody has been yet.
create table tenfold.streams (
  name text collate "C" primary key,
  partitions smallint not null,
  keep_ms bigint not null,
  -- 0: kept for up to a day, 1: for up to a fortnight, 2: for up to a year. For ever that of its first day.
  ring smallint not null,
  since timestamptz not null default now()
);

-- Each ring has eight buckets, which take turns; one whose entries are all older than their stream keeps is truncated.
create table tenfold.stream_entries (
  bucket smallint not null,
  stream text collate "C" not null,
  partition smallint not null,
  xid xid8 not null default pg_current_xact_id(),
  seq bigint not null generated always as identity,
  at timestamptz not null default clock_timestamp(),
  key text,
  body text not null,
  trace text
) partition by list (bucket);

create index stream_entries_place on tenfold.stream_entries (stream, partition, xid, seq);
create index stream_entries_at on tenfold.stream_entries using brin (at) with (pages_per_range = 32);

create table tenfold.stream_entries_00 partition of tenfold.stream_entries for values in (0);
create table tenfold.stream_entries_01 partition of tenfold.stream_entries for values in (1);
create table tenfold.stream_entries_02 partition of tenfold.stream_entries for values in (2);
create table tenfold.stream_entries_03 partition of tenfold.stream_entries for values in (3);
create table tenfold.stream_entries_04 partition of tenfold.stream_entries for values in (4);
create table tenfold.stream_entries_05 partition of tenfold.stream_entries for values in (5);
create table tenfold.stream_entries_06 partition of tenfold.stream_entries for values in (6);
create table tenfold.stream_entries_07 partition of tenfold.stream_entries for values in (7);
create table tenfold.stream_entries_08 partition of tenfold.stream_entries for values in (8);
create table tenfold.stream_entries_09 partition of tenfold.stream_entries for values in (9);
create table tenfold.stream_entries_10 partition of tenfold.stream_entries for values in (10);
create table tenfold.stream_entries_11 partition of tenfold.stream_entries for values in (11);
create table tenfold.stream_entries_12 partition of tenfold.stream_entries for values in (12);
create table tenfold.stream_entries_13 partition of tenfold.stream_entries for values in (13);
create table tenfold.stream_entries_14 partition of tenfold.stream_entries for values in (14);
create table tenfold.stream_entries_15 partition of tenfold.stream_entries for values in (15);
create table tenfold.stream_entries_16 partition of tenfold.stream_entries for values in (16);
create table tenfold.stream_entries_17 partition of tenfold.stream_entries for values in (17);
create table tenfold.stream_entries_18 partition of tenfold.stream_entries for values in (18);
create table tenfold.stream_entries_19 partition of tenfold.stream_entries for values in (19);
create table tenfold.stream_entries_20 partition of tenfold.stream_entries for values in (20);
create table tenfold.stream_entries_21 partition of tenfold.stream_entries for values in (21);
create table tenfold.stream_entries_22 partition of tenfold.stream_entries for values in (22);
create table tenfold.stream_entries_23 partition of tenfold.stream_entries for values in (23);

-- How far a group has come: everything up to (xid, seq) is handled. `epoch` grows when the partition changes hands and when
-- it is rewound; whoever comes with an older one changes nothing. `attempts` failed at the entry that is next.
create table tenfold.stream_groups (
  stream text collate "C" not null,
  group_name text collate "C" not null,
  partition smallint not null,
  xid xid8 not null,
  seq bigint not null,
  epoch bigint not null default 1,
  holder text,
  lease_until timestamptz,
  attempts integer not null default 0,
  reason text,
  primary key (stream, group_name, partition)
) with (fillfactor = 50);

-- Who reads for a group, with or without a partition, so that each takes no more than its share.
create table tenfold.stream_readers (
  stream text collate "C" not null,
  group_name text collate "C" not null,
  holder text not null,
  until timestamptz not null,
  primary key (stream, group_name, holder)
) with (fillfactor = 50);

grant select, insert, update, delete on tenfold.streams, tenfold.stream_groups, tenfold.stream_readers to app;
grant select, insert on tenfold.stream_entries to app;
grant select, truncate on tenfold.stream_entries_00 to app;
grant select, truncate on tenfold.stream_entries_01 to app;
grant select, truncate on tenfold.stream_entries_02 to app;
grant select, truncate on tenfold.stream_entries_03 to app;
grant select, truncate on tenfold.stream_entries_04 to app;
grant select, truncate on tenfold.stream_entries_05 to app;
grant select, truncate on tenfold.stream_entries_06 to app;
grant select, truncate on tenfold.stream_entries_07 to app;
grant select, truncate on tenfold.stream_entries_08 to app;
grant select, truncate on tenfold.stream_entries_09 to app;
grant select, truncate on tenfold.stream_entries_10 to app;
grant select, truncate on tenfold.stream_entries_11 to app;
grant select, truncate on tenfold.stream_entries_12 to app;
grant select, truncate on tenfold.stream_entries_13 to app;
grant select, truncate on tenfold.stream_entries_14 to app;
grant select, truncate on tenfold.stream_entries_15 to app;
grant select, truncate on tenfold.stream_entries_16 to app;
grant select, truncate on tenfold.stream_entries_17 to app;
grant select, truncate on tenfold.stream_entries_18 to app;
grant select, truncate on tenfold.stream_entries_19 to app;
grant select, truncate on tenfold.stream_entries_20 to app;
grant select, truncate on tenfold.stream_entries_21 to app;
grant select, truncate on tenfold.stream_entries_22 to app;
grant select, truncate on tenfold.stream_entries_23 to app;
