-- When a session began, for whoever is shown where they are logged in. Null in those that are older than this column: a
-- default of now() beside ADD COLUMN would say that they all began now.
alter table tenfold_sessions add column created_at timestamptz;
alter table tenfold_sessions alter column created_at set default now();
