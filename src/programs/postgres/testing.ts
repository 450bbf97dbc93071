// A real server for the tests of everything that needs one: on a free port, bootstrapped, gone when the test ends.

import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { isTenfoldError } from '../../base/errors.ts'
import { freePort, guardAgainstOurDeath } from '../testing.ts'
import { PostgresAdmin } from './admin.ts'
import { findPostgres } from './binaries.ts'
import { type CloneOptions, cloneCluster } from './clone.ts'
import { createCluster } from './cluster.ts'
import { type ClusterConfiguration, configureCluster } from './configure.ts'
import { databaseName, type PostgresAddress, type PostgresSecrets } from './contract.ts'
import { lowerFence } from './fence.ts'
import { isServerAlive, readLockFile } from './lock-file.ts'
import { startServer, stopServer, waitForServer } from './server.ts'

const attemptsMax = 5
const readyTimeoutMs = 30_000
const stopTimeoutMs = 10_000

export interface TestPostgres extends PostgresAddress, AsyncDisposable {
  secrets: PostgresSecrets
  dataDir: string
  logFile: string
  connectionsMax: number
  pid: number
  /** As superuser, in the database `postgres`. */
  admin: PostgresAdmin
  /** Stops the server that runs on the directory by then, and removes the directory. May be called twice. */
  stop(): Promise<void>
}

export async function startTestPostgres(
  options: { connectionsMax?: number; dir?: string } = {},
): Promise<TestPostgres> {
  const dir = options.dir ?? (await testDir())
  const cluster = { dataDir: join(dir, 'data'), connectionsMax: options.connectionsMax ?? 50 }
  const secrets = testSecrets()
  await createCluster({ dataDir: cluster.dataDir, secrets })
  const server = await serve(dir, cluster, secrets)
  await server.admin.bootstrap(secrets)
  return server
}

/** A replica of `primary`, cloned from it and following it. */
export async function startTestReplica(
  primary: TestPostgres,
  options: { slot: string; onProgress?: CloneOptions['onProgress'] },
): Promise<TestPostgres> {
  const dir = await testDir()
  const dataDir = join(dir, 'data')
  const { slot, onProgress } = options
  await cloneCluster({ from: primary, secrets: primary.secrets, dataDir, slot, ...(onProgress && { onProgress }) })
  const follow = { address: primary.address, port: primary.port, password: primary.secrets.replicator, slot }
  return serve(dir, { dataDir, connectionsMax: primary.connectionsMax, follow }, primary.secrets)
}

/** Brings a server that a test stopped, killed, fenced or configured back to how it was; for tests that share one. */
export async function restoreTestPostgres(server: TestPostgres): Promise<void> {
  const { address, port, secrets, dataDir, logFile } = server
  await configureCluster({ dataDir, address, port, connectionsMax: server.connectionsMax })
  await lowerFence(dataDir)
  const { pid } = await startServer({ dataDir, logFile })
  await waitForServer({ address, port, secrets, pid, timeoutMs: readyTimeoutMs })
  await server.admin.close()
  server.admin = await PostgresAdmin.connect({ address, port, secrets })
  await server.admin.reload()
  server.pid = pid
}

type TestCluster = Omit<ClusterConfiguration, keyof PostgresAddress>

async function serve(dir: string, cluster: TestCluster, secrets: PostgresSecrets): Promise<TestPostgres> {
  const { dataDir } = cluster
  const logFile = join(dir, 'log')
  const { address, port, pid } = await startOnFreePort(cluster, logFile)
  const guard = guardAgainstOurDeath(dir, join(dataDir, 'postmaster.pid'))
  await waitForServer({ address, port, secrets, pid, timeoutMs: readyTimeoutMs })
  const admin = await PostgresAdmin.connect({ address, port, secrets })
  const stop = async () => {
    await server.admin.close()
    const running = readLockFile(dataDir)?.pid ?? pid
    if (isServerAlive(running, dataDir)) await stopServer(running, 'immediate', stopTimeoutMs)
    guard.kill()
    await rm(dir, { recursive: true, force: true })
  }
  const { connectionsMax } = cluster
  const server = {
    address,
    port,
    secrets,
    dataDir,
    logFile,
    connectionsMax,
    pid,
    admin,
    stop,
    [Symbol.asyncDispose]: stop,
  }
  return server
}

/** A client of the database `app`, closed when the test ends. An `error` event would end the test's process. */
export async function connectAs(
  { address, port, secrets }: PostgresAddress & { secrets: PostgresSecrets },
  user: 'owner' | 'app',
): Promise<Client & AsyncDisposable> {
  const client = new Client({ host: address, port, user, password: secrets[user], database: databaseName })
  client.on('error', () => {})
  await client.connect()
  // Its server may have been killed or stopped by the test: a goodbye that nobody answers is not waited for.
  const bye = () => Promise.race([client.end().catch(() => {}), new Promise<void>((done) => setTimeout(done, 1000))])
  return Object.assign(client, { [Symbol.asyncDispose]: bye })
}

/** A temporary directory that the server's user can pass through; mkdtemp alone makes one that only we can. */
export async function testDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-postgres-'))
  await chmod(dir, 0o711)
  return dir
}

export function testSecrets(): PostgresSecrets {
  const secret = () => randomBytes(24).toString('base64url')
  return { superuser: secret(), replicator: secret(), owner: secret(), app: secret() }
}

/** Another program may take a free port before the server does. */
async function startOnFreePort(cluster: TestCluster, logFile: string) {
  const binaries = await findPostgres()
  const address = '127.0.0.1'
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    await configureCluster({ ...cluster, address, port })
    try {
      const { pid } = await startServer({ binaries, dataDir: cluster.dataDir, logFile })
      return { address, port, pid }
    } catch (error) {
      if (!isTenfoldError(error, 'port-taken') || attempt === attemptsMax) throw error
    }
  }
}
