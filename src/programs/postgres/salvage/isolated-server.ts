// A dead primary's server, started once more for itself: nobody but the superuser gets in, it speaks to no other server,
// and it keeps every piece of its log. It starts as a primary, since only one that has finished its recovery can decode.

import { createServer } from 'node:net'
import { join } from 'node:path'
import { Client } from 'pg'
import { isTenfoldError } from '../../../base/errors.ts'
import { configureCluster, replaceConfig } from '../configure.ts'
import { databaseName, type PostgresAddress, type PostgresSecrets, superuserName } from '../contract.ts'
import { isServerAlive, readLockFile } from '../lock-file.ts'
import { startServer, stopServer, waitForServer } from '../server.ts'

const readyTimeoutMs = 300_000
const stopTimeoutMs = 30_000
const connectTimeoutMs = 5000
const portAttemptsMax = 5

export interface IsolatedOptions {
  dataDir: string
  secrets: PostgresSecrets
  logFile: string
  /** Of this machine; the port is any that is free, so that nobody who knew the old one knocks. */
  address: string
}

export interface IsolatedServer extends PostgresAddress, AsyncDisposable {
  /** As superuser, for long questions. The caller destroys its socket: a goodbye could wait for rows that nobody reads. */
  connect(database?: string): Promise<Client>
}

/**
 * What differs from a serving cluster. It stands in postgresql.auto.conf, which overrides postgresql.conf and which
 * configureCluster empties, so that nothing of it outlives the next start by the supervisor.
 */
const isolation: Readonly<Record<string, string>> = {
  // Its own subscriptions would come back to life and take the publishers' slots away from the servers that use them.
  max_logical_replication_workers: '0',
  synchronous_standby_names: '',
  // The checkpoint at the end of recovery must not throw away what is to be decoded.
  max_slot_wal_keep_size: '-1',
  // What this server writes belongs to a history that has ended: it must not reach the archive of the living one.
  archive_mode: 'off',
  restore_command: '',
  autovacuum: 'off',
  idle_in_transaction_session_timeout: '0',
}

/**
 * Stops whatever runs on the directory, first: a server that a salvage left behind which was killed itself, or a deposed
 * one that hangs. When it is disposed of, the directory is one of a replica that waits for a primary: whoever starts it
 * as it is does not get a second primary.
 * @throws what startServer throws; timeout when the recovery takes longer than five minutes.
 */
export async function startIsolated(options: IsolatedOptions): Promise<IsolatedServer> {
  const { dataDir, secrets, logFile, address } = options
  await stopWhatRuns(dataDir)
  const { pid, port } = await startOnFreePort(options)
  const stop = async () => {
    if (isServerAlive(pid, dataDir)) await stopServer(pid, 'fast', stopTimeoutMs)
    await replaceConfig(join(dataDir, 'standby.signal'), '')
  }
  try {
    await waitForServer({ address, port, secrets, pid, timeoutMs: readyTimeoutMs })
  } catch (error) {
    await stop()
    throw error
  }
  return {
    address,
    port,
    connect: (database = databaseName) => connect({ address, port, secrets, database }),
    [Symbol.asyncDispose]: stop,
  }

  async function startOnFreePort({ dataDir, address }: IsolatedOptions): Promise<{ pid: number; port: number }> {
    for (let attempt = 1; ; attempt++) {
      const port = await freePort(address)
      await configure({ dataDir, address, port, secrets })
      try {
        return { pid: (await startServer({ dataDir, logFile })).pid, port }
      } catch (error) {
        await replaceConfig(join(dataDir, 'standby.signal'), '')
        if (!isTenfoldError(error, 'port-taken') || attempt === portAttemptsMax) throw error
      }
    }
  }
}

async function stopWhatRuns(dataDir: string): Promise<void> {
  const lock = readLockFile(dataDir)
  if (lock && isServerAlive(lock.pid, dataDir)) await stopServer(lock.pid, 'immediate', stopTimeoutMs)
}

async function configure(cluster: PostgresAddress & { dataDir: string; secrets: PostgresSecrets }): Promise<void> {
  const { dataDir } = cluster
  const lines = Object.entries(isolation).map(([name, value]) => `${name} = '${value}'`)
  // Few come in; what the directory was configured for does not matter to a server that follows nobody.
  await configureCluster({ ...cluster, connectionsMax: 5 })
  await replaceConfig(join(dataDir, 'postgresql.auto.conf'), `${lines.join('\n')}\n`)
  await replaceConfig(join(dataDir, 'pg_hba.conf'), `host all ${superuserName} all scram-sha-256\n`)
}

async function connect(options: PostgresAddress & { secrets: PostgresSecrets; database: string }): Promise<Client> {
  const client = new Client({
    host: options.address,
    port: options.port,
    user: superuserName,
    password: options.secrets.superuser,
    database: options.database,
    application_name: 'tenfold salvage',
    connectionTimeoutMillis: connectTimeoutMs,
  })
  // A connection that breaks fails the next question; the event itself would end the process.
  client.on('error', () => {})
  await client.connect()
  return client
}

async function freePort(address: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, address, resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
