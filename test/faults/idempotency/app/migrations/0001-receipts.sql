-- No unique key on what a request asks for, on purpose: one that ran twice must be there twice, and not be refused.
create table receipts (
  owner text collate "C" not null,
  id uuid not null default uuidv7(),
  cents integer not null,
  primary key (owner, id)
) partition by hash (owner);
