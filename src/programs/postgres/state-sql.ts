// The questions about a server's position, each answered in one statement so that its parts belong together.
//
// The timeline of a primary is in the name of its current log file: pg_control_checkpoint() still says the old one right
// after a promotion. That of a replica is the newest one of its log files: the receiver knows it only while it is connected.
// A replica has received what its receiver flushed, or replayed from disk where that is more; it asks for a receiver
// when it has read its own log to the end, and before that it has more than it can say.

export const stateSql = `
  SELECT recovering,
    CASE WHEN recovering THEN (
      SELECT max(('x' || left(name, 8))::bit(32)::int) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}')
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
    CASE WHEN recovering THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), '0/0')
    ELSE pg_current_wal_flush_lsn() END::text AS written,
    CASE WHEN recovering THEN coalesce(pg_last_wal_replay_lsn(), '0/0')
    ELSE pg_current_wal_flush_lsn() END::text AS replayed,
    NOT recovering OR pg_last_wal_receive_lsn() IS NOT NULL AS complete
  FROM (SELECT pg_is_in_recovery() AS recovering OFFSET 0)`

export const lagSql = `
  SELECT application_name AS name, coalesce(replay_lsn, '0/0')::text AS replayed,
    greatest(0, pg_wal_lsn_diff(
      CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END,
      coalesce(replay_lsn, '0/0')))::text AS lag,
    round(extract(epoch FROM replay_lag) * 1000)::float8 AS ms
  FROM pg_stat_replication
  WHERE state IN ('catchup', 'streaming')`
