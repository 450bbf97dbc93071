create table notes (
  id bigint not null primary key,
  title text not null,
  body text not null
) partition by hash (id);
