// The fence of a deposed primary: nobody but the supervisor and replication gets in, and who is in is thrown out.
//
// What a router sees of it: 57P01 (admin_shutdown) on connections that it had, 28000 (invalid_authorization_
// specification, "pg_hba.conf rejects connection") on new ones. Both mean: this is not the primary any more, read the
// map again. Between two statements 57P01 comes as the client's `error` event, and the next statement then fails without
// a code. A statement that 57P01 met outside of COMMIT has not happened.
//
// The fence is a file in the data directory that pg_hba.conf includes, so that it survives a restart, holds for a server
// that is down, and is not opened when the cluster is configured anew. A clone leaves it out.

import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { waitUntil } from '../../base/limits.ts'
import { fencedAccess, fenceFileName } from './access.ts'
import { replaceConfig } from './configure.ts'
import type { PostgresConnection } from './connection.ts'
import { databaseName, type PostgresAddress } from './contract.ts'

/** Within this the server has read the rules and the last client is gone. */
const fenceTimeoutMs = 5000
const pollMs = 1
/** A client that is still proving who it is may be the supervisor itself: it gets this long to get a name. */
const namelessGraceMs = 200

export async function isFenced(dataDir: string): Promise<boolean> {
  return access(join(dataDir, fenceFileName)).then(
    () => true,
    () => false,
  )
}

/** The file alone, for a server that is down or hangs: it holds from the next reload or start. May be called again. */
export async function raiseFence(dataDir: string): Promise<void> {
  await replaceConfig(join(dataDir, fenceFileName), fencedAccess)
}

export async function lowerFence(dataDir: string): Promise<void> {
  await rm(join(dataDir, fenceFileName), { force: true })
}

/** Resolves when the rules hold and everybody whom older rules let in is out. */
export async function fenceServer(connection: PostgresConnection): Promise<void> {
  await raiseFence(await dataDirOf(connection))
  await connection.query('SELECT pg_reload_conf()')
  let isRaised = false
  const startedMs = performance.now()
  const isClosed = async () => {
    const wasRaised = isRaised
    const throwOut = throwOutClients(connection, performance.now() - startedMs > namelessGraceMs)
    const [left, rejected] = await Promise.all([throwOut, wasRaised || isRejected(connection.options)])
    isRaised = rejected
    // Only a count that was taken after the rules held says that nobody is left.
    return wasRaised && left === 0
  }
  await waitUntil(isClosed, { what: 'the fence', timeoutMs: fenceTimeoutMs, intervalMs: pollMs })
}

export async function unfenceServer(connection: PostgresConnection): Promise<void> {
  await lowerFence(await dataDirOf(connection))
  await connection.query('SELECT pg_reload_conf()')
  const isOpen = async () => !(await isRejected(connection.options))
  await waitUntil(isOpen, { what: 'the end of the fence', timeoutMs: fenceTimeoutMs, intervalMs: pollMs })
}

/** How many clients there were, the supervisor and replication not counted; a killed one may take a moment to go. */
export async function throwOutClients(connection: PostgresConnection, isNamelessToo = false): Promise<number> {
  const clients = await connection.query(
    `SELECT CASE WHEN usename IS NOT NULL OR $1 THEN pg_terminate_backend(pid) END
     FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
       AND coalesce(usename, '') NOT IN ('tenfold', 'replicator')`,
    [isNamelessToo],
  )
  return clients.length
}

/**
 * pg_reload_conf only sends a signal: the new rules hold when a knock is answered by them. They speak before the password
 * does, so that a knock without one tells them apart.
 */
async function isRejected({ address, port }: PostgresAddress): Promise<boolean> {
  const knock = new Client({
    host: address,
    port,
    user: 'app',
    database: databaseName,
    password: () => '',
    connectionTimeoutMillis: fenceTimeoutMs,
  })
  knock.on('error', () => {})
  try {
    await knock.connect()
    return false
  } catch (error) {
    return (error as { code?: string }).code === '28000'
  } finally {
    knock.connection.stream.destroy()
  }
}

async function dataDirOf(connection: PostgresConnection): Promise<string> {
  const [row] = await connection.query<{ data_directory: string }>('SHOW data_directory')
  return row?.data_directory ?? ''
}
