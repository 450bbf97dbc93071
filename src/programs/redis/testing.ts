// Real servers for tests (../testing.ts), alone or as nodes of a cluster.

import { randomBytes } from 'node:crypto'
import { freePort, startTestServer, type TestServer } from '../testing.ts'
import type { RedisSecrets, RedisSettings } from './contract.ts'
import { type RedisFiles, redisFilesOf } from './files.ts'
import { redisPid, startRedis } from './server.ts'

const readyTimeoutMs = 10_000

export type TestRedis = TestServer<RedisSettings, RedisSecrets, RedisFiles>

export function testSecrets(): RedisSecrets {
  const secret = () => randomBytes(24).toString('base64url')
  return { admin: secret(), app: secret(), replica: secret() }
}

export async function startTestRedis(
  changes: Partial<RedisSettings> & { secrets?: RedisSecrets; isCluster?: boolean } = {},
): Promise<TestRedis> {
  const { secrets = testSecrets(), isCluster = false, ...own } = changes
  return startTestServer({
    name: 'redis',
    secrets,
    filesOf: redisFilesOf,
    makeSettings: async (): Promise<RedisSettings> => ({
      address: '127.0.0.1',
      memory: { bytesMax: 64 * 1024 * 1024, whenFull: 'allkeys-lfu' },
      persistence: 'off',
      ...own,
      port: own.port ?? (await freePort()),
      ...(isCluster && { cluster: { busPort: await freePort() } }),
    }),
    start: (server) => startRedis({ ...server, timeoutMs: readyTimeoutMs }),
    pidOf: redisPid,
  })
}
