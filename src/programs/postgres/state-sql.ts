// The questions about a server's position, each answered in one statement so that its parts belong together.
//
// The timeline of a primary is in the name of its current log file: pg_control_checkpoint() still says the old one right
// after a promotion. A replica has received what its receiver flushed, or replayed from disk where that is more.

export const stateSql = `
  SELECT recovering,
    CASE WHEN recovering THEN greatest(
      (SELECT received_tli FROM pg_stat_wal_receiver),
      (SELECT timeline_id FROM pg_control_checkpoint()),
      (SELECT min_recovery_end_timeline FROM pg_control_recovery()))
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
    CASE WHEN recovering THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), '0/0')
    ELSE pg_current_wal_flush_lsn() END::text AS written,
    CASE WHEN recovering THEN coalesce(pg_last_wal_replay_lsn(), '0/0')
    ELSE pg_current_wal_flush_lsn() END::text AS replayed
  FROM (SELECT pg_is_in_recovery() AS recovering OFFSET 0)`

export const lagSql = `
  SELECT application_name AS name, coalesce(replay_lsn, '0/0')::text AS replayed,
    greatest(0, pg_wal_lsn_diff(
      CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END,
      coalesce(replay_lsn, '0/0')))::text AS lag,
    round(extract(epoch FROM replay_lag) * 1000)::float8 AS ms
  FROM pg_stat_replication
  WHERE state IN ('catchup', 'streaming')`
