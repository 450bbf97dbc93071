// The official client, an optional peer: loaded when somebody needs Redis, and not before.

import { TenfoldError } from '../../base/errors.ts'

export type RedisModule = typeof import('redis')

/** @throws program-missing when it is not installed. */
export async function loadRedisClient(): Promise<RedisModule> {
  try {
    return await import('redis')
  } catch (error) {
    throw new TenfoldError('program-missing', 'the Redis client is not installed: npm install redis', { cause: error })
  }
}
