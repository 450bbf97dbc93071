// The official client, an optional peer: loaded when somebody needs Redis, and not before.

import type { RedisClientOptions, RedisFunctions, RedisModules, RedisScripts, RespVersions } from 'redis'
import { TenfoldError } from '../../base/errors.ts'

export type RedisModule = typeof import('redis')
type Options = RedisClientOptions<RedisModules, RedisFunctions, RedisScripts, RespVersions>
export type RedisClient = InstanceType<RedisModule['RedisClient']>

/** @throws program-missing when it is not installed. */
export async function loadRedisClient(): Promise<RedisModule> {
  try {
    return await import('redis')
  } catch (error) {
    throw new TenfoldError('program-missing', 'the Redis client is not installed: npm install redis', { cause: error })
  }
}

/**
 * One that sends words (`sendCommand`). The module's `createClient` makes a class with a method for each of Redis's commands,
 * anew for every address: 50 ms and 46 MB each time, also when a server that is down is tried again.
 */
export function openRedisClient({ RedisClient }: RedisModule, options: Options): RedisClient {
  return new RedisClient(options) as unknown as RedisClient
}
