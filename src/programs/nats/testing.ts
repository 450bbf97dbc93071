// Real servers for tests (../testing.ts), alone or as one cluster of three.

import { randomBytes } from 'node:crypto'
import { waitUntil } from '../../base/limits.ts'
import { freePort, startTestServer, type TestServer } from '../testing.ts'
import { NatsAdmin } from './admin.ts'
import type { NatsAddress, NatsSecrets, NatsSettings } from './contract.ts'
import { type NatsFiles, natsFilesOf } from './files.ts'
import { natsPid, startNats } from './server.ts'

const readyTimeoutMs = 20_000
const healthyTimeoutMs = 30_000

export interface TestNats extends TestServer<NatsSettings, NatsSecrets, NatsFiles> {
  /** Resolves when it has caught up with its cluster. */
  healthy(): Promise<void>
}

export function testSecrets(): NatsSecrets {
  const secret = () => randomBytes(24).toString('base64url')
  return { admin: secret(), app: secret(), route: secret() }
}

/** Resolves when it serves. */
export async function startTestNats(
  changes: Partial<NatsSettings> & { secrets?: NatsSecrets } = {},
): Promise<TestNats> {
  const server = await startOne(changes)
  await server.healthy()
  return server
}

/** Three that are one cluster; resolves when it serves. */
export async function startTestNatsCluster(): Promise<TestNats[] & AsyncDisposable> {
  const secrets = testSecrets()
  const name = `test-${randomBytes(6).toString('hex')}`
  const peers: NatsAddress[] = []
  while (peers.length < 3) peers.push({ address: '127.0.0.1', port: await freePort() })
  const servers = await Promise.all(
    peers.map(({ port }, i) => startOne({ name: `${name}-${i + 1}`, secrets, cluster: { name, port, peers } })),
  )
  await Promise.all(servers.map((server) => server.healthy()))
  return Object.assign(servers, {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server.stop()))
    },
  })
}

async function startOne(changes: Partial<NatsSettings> & { secrets?: NatsSecrets }): Promise<TestNats> {
  const { secrets = testSecrets(), ...own } = changes
  const name = `test-${randomBytes(6).toString('hex')}`
  const server = await startTestServer({
    name: 'nats',
    secrets,
    filesOf: natsFilesOf,
    makeSettings: async (): Promise<NatsSettings> => ({
      address: '127.0.0.1',
      name,
      ...own,
      port: own.port ?? (await freePort()),
    }),
    start: (server) => startNats({ ...server, timeoutMs: readyTimeoutMs }),
    pidOf: natsPid,
  })
  const isHealthy = async () => {
    await using admin = await NatsAdmin.connect({ ...server.settings, secrets })
    return (await admin.trouble()) === undefined
  }
  const healthy = async () => {
    await waitUntil(isHealthy, {
      what: `${server.settings.name} in health`,
      timeoutMs: healthyTimeoutMs,
      intervalMs: 50,
    })
  }
  return Object.assign(server, { healthy })
}
