// What the rest of the system may ask of a PostgreSQL server that we start. Implemented beside this file, one idea a file.
//
// Roles, all with SCRAM passwords: `tenfold` (superuser, the supervisor only), `replicator` (replication),
// `owner` (owns the database `app` and runs migrations), `app` (reads and writes rows).

export interface PostgresSecrets {
  superuser: string
  replicator: string
  owner: string
  app: string
}

export interface PostgresAddress {
  address: string
  port: number
}

/** Where a server stands in the stream of changes. LSNs are bigints of the byte position. */
export interface PostgresState {
  isInRecovery: boolean
  timeline: number
  /** Primary: flushed so far. Replica: received so far. */
  writtenLsn: bigint
  /** Replica: replayed so far. Primary: same as writtenLsn. */
  replayedLsn: bigint
  /** False while a replica still reads its own log after a start: it has received more than `writtenLsn` says. */
  isComplete: boolean
}

/** The program files of one PostgreSQL, as found on this machine. */
export interface PostgresBinaries {
  postgres: string
  initdb: string
  libDir: string
  /** Of the npm package that carries them, for example 18.4.0-beta.17. */
  version: string
}

/** The user that a server runs as when we are root; PostgreSQL refuses to run as root itself. */
export interface ServerOwner {
  user: string
  uid: number
  gid: number
}

/** The name of the superuser, which only the supervisor uses. */
export const superuserName = 'tenfold'
/** The database that the app, its sessions and its queue live in. */
export const databaseName = 'app'
