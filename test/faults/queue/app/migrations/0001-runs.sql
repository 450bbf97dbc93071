-- What jobs did. No unique key on a job's number, on purpose: one that ran twice must be there twice, and not be refused.
create table asked (
  maker  text collate "C" not null,
  number integer not null,
  primary key (maker, number)
) partition by hash (maker);

create table runs (
  maker  text collate "C" not null,
  row_id uuid not null default uuidv7(),
  number integer not null,
  way    text not null,
  primary key (maker, row_id)
) partition by hash (maker);
