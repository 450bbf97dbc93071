// A real server for the tests of everything that needs one: on a free port, bootstrapped, gone when the test ends.

import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isTenfoldError } from '../../base/errors.ts'
import { PostgresAdmin } from './admin.ts'
import { findPostgres } from './binaries.ts'
import { createCluster } from './cluster.ts'
import { configureCluster } from './configure.ts'
import type { PostgresAddress, PostgresSecrets } from './contract.ts'
import { startServer, stopServer, waitForServer } from './server.ts'

const attemptsMax = 5
const readyTimeoutMs = 30_000
const stopTimeoutMs = 10_000

export interface TestPostgres extends PostgresAddress, AsyncDisposable {
  secrets: PostgresSecrets
  dataDir: string
  logFile: string
  pid: number
  /** As superuser, in the database `postgres`. */
  admin: PostgresAdmin
  /** Stops the server and removes its directory. May be called twice. */
  stop(): Promise<void>
}

export async function startTestPostgres(options: { connectionsMax?: number } = {}): Promise<TestPostgres> {
  const dir = await testDir()
  const dataDir = join(dir, 'data')
  const logFile = join(dir, 'log')
  const secrets = testSecrets()
  await createCluster({ dataDir, secrets })
  const { address, port, pid } = await startOnFreePort({
    dataDir,
    logFile,
    connectionsMax: options.connectionsMax ?? 50,
  })
  const killAtExit = () => tryKill(pid)
  process.once('exit', killAtExit)
  await waitForServer({ address, port, secrets, pid, timeoutMs: readyTimeoutMs })
  const admin = await PostgresAdmin.connect({ address, port, secrets })
  await admin.bootstrap(secrets)
  const stop = async () => {
    await admin.close()
    await stopServer(pid, 'immediate', stopTimeoutMs)
    process.off('exit', killAtExit)
    await rm(dir, { recursive: true, force: true })
  }
  return { address, port, secrets, dataDir, logFile, pid, admin, stop, [Symbol.asyncDispose]: stop }
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

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Another program may take a free port before the server does. */
async function startOnFreePort(cluster: { dataDir: string; logFile: string; connectionsMax: number }) {
  const binaries = await findPostgres()
  const address = '127.0.0.1'
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    await configureCluster({ dataDir: cluster.dataDir, address, port, connectionsMax: cluster.connectionsMax })
    try {
      const { pid } = await startServer({ binaries, dataDir: cluster.dataDir, logFile: cluster.logFile })
      return { address, port, pid }
    } catch (error) {
      if (!isTenfoldError(error, 'port-taken') || attempt === attemptsMax) throw error
    }
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT')
  } catch {
    // It is gone already.
  }
}
