// The settings that every server of ours has, whatever its role, and why.

const isLinux = process.platform === 'linux'

export const fixedSettings: Readonly<Record<string, string | number | boolean>> = {
  // One way in: the address of the node. A socket file would be a second one, and its path has a length limit.
  unix_socket_directories: '',
  allow_alter_system: false,
  password_encryption: 'scram-sha-256',
  // A client whose machine is gone frees its connection and its locks.
  tcp_keepalives_idle: 10,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 3,
  ...(isLinux && { tcp_user_timeout: '20s' }),
  ...(process.platform !== 'win32' && { client_connection_check_interval: '5s' }),
  idle_in_transaction_session_timeout: '60s',

  // Several servers share one laptop.
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  min_wal_size: '80MB',
  huge_pages: 'off',
  jit: false,

  // Durability, always.
  fsync: true,
  full_page_writes: true,
  synchronous_commit: 'on',
  restart_after_crash: true,
  // The start after a crash writes back what the system has in its caches: a table has 64 leaves, and thousands of files
  // opened one by one take seconds.
  ...(isLinux && { recovery_init_sync_method: 'syncfs' }),
  checkpoint_timeout: '2min',

  // Replication, sized for running slot moves beside the replicas. A replica must allow at least what its primary
  // allows, so these are the same everywhere.
  wal_level: 'logical',
  wal_log_hints: true,
  track_commit_timestamp: true,
  max_wal_senders: 24,
  max_replication_slots: 64,
  max_active_replication_origins: 64,
  max_logical_replication_workers: 24,
  max_sync_workers_per_subscription: 4,
  max_worker_processes: 40,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 256,
  wal_keep_size: '64MB',
  // A replica that is gone must not fill the primary's disk.
  max_slot_wal_keep_size: '4GB',
  hot_standby: true,
  hot_standby_feedback: true,
  // Replay stops while a reader on the replica conflicts with it; whoever waits for that replay waits with it.
  max_standby_streaming_delay: '2s',
  max_standby_archive_delay: '2s',
  wal_retrieve_retry_interval: '200ms',
  wal_receiver_status_interval: '1s',
  wal_receiver_timeout: '5s',
  wal_sender_timeout: '5s',

  // The log goes to stderr, which is the node's log file: when, process, SQLSTATE, who, and then the message.
  log_destination: 'stderr',
  logging_collector: false,
  log_line_prefix: '%m [%p] %e %q%u@%d/%a ',
  log_timezone: 'UTC',
  log_min_duration_statement: '1s',
  // Values are personal data: they stay out of the log.
  log_parameter_max_length: 0,
  log_parameter_max_length_on_error: 0,
  log_lock_waits: true,
  log_checkpoints: false,
  log_recovery_conflict_waits: true,

  // The same text, order and dates on every machine.
  timezone: 'UTC',
  datestyle: 'iso, ymd',
  lc_messages: 'C',
  lc_monetary: 'C',
  lc_numeric: 'C',
  lc_time: 'C',
  default_text_search_config: 'pg_catalog.english',
}
