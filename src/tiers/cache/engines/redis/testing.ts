// Engines over real servers, for tests.

import type { RedisAddress } from '../../../../programs/redis/contract.ts'
import { startTestRedis, type TestRedis, testSecrets } from '../../../../programs/redis/testing.ts'
import type { Kept } from '../../contract.ts'
import { openRedisCache, type RedisSharedCache } from './open.ts'
import type { RedisCacheLimits, RedisServers } from './options.ts'

/** So many servers with the same passwords, gone with the scope. */
export async function startServers(count: number, isCluster = false): Promise<TestRedis[] & AsyncDisposable> {
  const secrets = testSecrets()
  const servers: TestRedis[] = []
  for (let i = 0; i < count; i++) servers.push(await startTestRedis({ secrets, isCluster }))
  return Object.assign(servers, {
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server.stop()
    },
  })
}

/** For tests that are not about time: on a machine that is busy with other things a server may pause for longer than it may. */
export const patient: Partial<RedisCacheLimits> = {
  callMsMax: 10_000,
  hangMsMax: 20_000,
  connectMsMax: 10_000,
}

export interface OverOptions {
  /** In place of patient ones. */
  limits?: Partial<RedisCacheLimits>
  /** Another one for each cache that is to be empty. */
  prefix?: string
  /** By which a network in between knows who it is. */
  username?: string
}

export async function openOver(
  servers: readonly TestRedis[],
  { kind = 'nodes', ...rest }: { kind?: 'nodes' | 'cluster' } & OverOptions = {},
): Promise<RedisSharedCache & AsyncDisposable> {
  const nodes: RedisAddress[] = servers.map(({ address, port }) => ({ address, port }))
  return openAt({ kind, nodes }, servers[0]?.secrets.app ?? '', rest)
}

export async function openAt(
  servers: RedisServers,
  password: string,
  options: OverOptions = {},
): Promise<RedisSharedCache & AsyncDisposable> {
  const cache = await openRedisCache({ servers, username: 'app', password, limits: patient, ...options })
  return Object.assign(cache, { [Symbol.asyncDispose]: () => cache.close() })
}

export function keptOf(value: unknown, tags: readonly string[] = []): Kept {
  const freshUntil = Date.now() + 60_000
  return { value, freshUntil, calmUntil: freshUntil - 1000, loadMs: 3, tags }
}
