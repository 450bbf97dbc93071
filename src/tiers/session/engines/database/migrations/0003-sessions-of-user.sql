-- The sessions of one user, which lie on all slots: to list and to revoke them. Visitors without a login are not in it.
create index concurrently tenfold_sessions_user_id on tenfold_sessions ((fields ->> 'userId'))
  where (fields ->> 'userId') is not null;
