// Writes a cluster's configuration, whole each time: what is not written here does not hold.
//
// ALTER SYSTEM is switched off and postgresql.auto.conf emptied, so that a clone inherits no setting of its source (a
// stale synchronous_standby_names would make every commit wait for ever). A fence is a file of its own (fence.ts), so
// that configuring a deposed primary anew does not open it.

import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { hostBasedAccess, passFileName } from './access.ts'
import type { PostgresAddress, PostgresSecrets } from './contract.ts'
import { databaseName } from './contract.ts'
import { giveTo, ownerOfCluster } from './owner.ts'
import { fixedSettings } from './settings.ts'

export interface FollowOptions extends PostgresAddress {
  /** Of the role `replicator`. */
  password: string
  /** The physical slot on the primary; also the name under which the primary lists this replica. */
  slot?: string
}

export interface ClusterConfiguration extends PostgresAddress {
  dataDir: string
  /**
   * Connections for clients. A replica must allow at least as many as its primary, or its replay stops: raise it on
   * replicas first, lower it on the primary first.
   */
  connectionsMax: number
  /** The primary to follow; without it the server is a primary. `nobody`: a replica that stays where it is. */
  follow?: FollowOptions | 'nobody'
  /** Of a replica: how long it keeps changes back before it shows them. */
  applyDelayMs?: number
  /**
   * How long a replica waits until it tries again to reach whom it follows. While a primary changes that should be short:
   * PostgreSQL sleeps until then also when it is to be promoted, or to change its timeline (WaitForWALToBecomeAvailable).
   */
  retryMs?: number
  /** Commits wait until this many of the named replicas have the write on disk. */
  synchronous?: { count: number; names: readonly string[] }
  secrets?: PostgresSecrets
}

/** Slots that stay free for the supervisor when clients have taken all of theirs. */
const reservedConnections = 3
/** What the supervisor itself holds at most; its connections count like any other. */
const supervisorConnectionsMax = 5

/** May be called again, also on a running server, which takes most changes at its next reload, some at its next start. */
export async function configureCluster(configuration: ClusterConfiguration): Promise<void> {
  const { dataDir, follow } = configuration
  // In a file of its own: PostgreSQL tells its log of every setting that changes, passwords and all.
  if (follow && follow !== 'nobody')
    await replaceConfig(
      join(dataDir, passFileName),
      `*:*:*:replicator:${follow.password.replaceAll(/[:\\]/g, '\\$&')}\n`,
    )
  await replaceConfig(join(dataDir, 'postgresql.conf'), formatSettings(settingsOf(configuration)))
  await replaceConfig(join(dataDir, 'postgresql.auto.conf'), '')
  await replaceConfig(join(dataDir, 'pg_hba.conf'), hostBasedAccess)
  await replaceConfig(join(dataDir, 'pg_ident.conf'), '')
  const signal = join(dataDir, 'standby.signal')
  if (follow) await replaceConfig(signal, '')
  else await rm(signal, { force: true })
}

/** A file of the cluster, readable by the server's user only, replaced so that a crash leaves the old or the new one. */
export async function replaceConfig(path: string, content: string): Promise<void> {
  const dir = dirname(path)
  const making = `${path}.new`
  const file = await open(making, 'w', 0o600)
  try {
    await file.writeFile(content)
    await giveTo(await ownerOfCluster(dir), making)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(making, path)
}

type Settings = Record<string, string | number | boolean>

function settingsOf(configuration: ClusterConfiguration): Settings {
  const { dataDir, address, port, connectionsMax, synchronous, applyDelayMs = 0, retryMs } = configuration
  const follow = configuration.follow === 'nobody' ? undefined : configuration.follow
  const name = follow?.slot ?? basename(dataDir)
  return {
    ...fixedSettings,
    listen_addresses: address,
    port,
    max_connections: connectionsMax + supervisorConnectionsMax + reservedConnections,
    superuser_reserved_connections: reservedConnections,
    cluster_name: basename(dataDir).slice(0, 63),
    synchronous_standby_names: synchronous?.names.length ? formatSynchronous(synchronous) : '',
    ...(follow && { primary_conninfo: formatConninfo(follow, name, dataDir) }),
    ...(follow?.slot !== undefined && { primary_slot_name: follow.slot }),
    ...(applyDelayMs > 0 && { recovery_min_apply_delay: applyDelayMs }),
    ...(retryMs !== undefined && { wal_retrieve_retry_interval: retryMs }),
  }
}

/** The text of synchronous_standby_names. */
export function formatSynchronous({ count, names }: { count: number; names: readonly string[] }): string {
  return `ANY ${count} (${names.map((name) => `"${name.replaceAll('"', '""')}"`).join(', ')})`
}

/** Keepalives and time-outs let a replica notice within seconds that its primary's machine is gone. */
function formatConninfo({ address, port }: FollowOptions, name: string, dataDir: string): string {
  const parameters = {
    host: address,
    port,
    user: 'replicator',
    passfile: join(dataDir, passFileName),
    dbname: databaseName,
    application_name: name,
    connect_timeout: 5,
    keepalives_idle: 5,
    keepalives_interval: 2,
    keepalives_count: 3,
  }
  const quote = (value: string | number) => `'${String(value).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  return Object.entries(parameters)
    .map(([key, value]) => `${key}=${quote(value)}`)
    .join(' ')
}

/** In postgresql.conf a backslash escapes and a quote is doubled. */
function formatSettings(settings: Settings): string {
  const format = (value: string | number | boolean) => {
    if (typeof value === 'boolean') return value ? 'on' : 'off'
    return typeof value === 'number' ? value : `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${format(value)}`)
  return `# Written by Tenfold at every start; changes made here are lost.\n${lines.join('\n')}\n`
}
