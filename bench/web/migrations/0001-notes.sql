create table notes (
  id bigint not null primary key,
  title text not null,
  body text not null
) partition by hash (id);

-- The same rows, unsharded, for the peer.
create table plain_notes (
  id bigint not null primary key,
  title text not null,
  body text not null
);

insert into plain_notes select id, 'note ' || id, repeat('text ', 40) from generate_series(1, 10000) as id;
