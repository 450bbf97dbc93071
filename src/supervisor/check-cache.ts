// Whether nodes of the shared cache could start on this machine, and processes speak to them, before any is told of a topology.

import { findRedis } from '../programs/redis/binary.ts'
import { loadRedisClient } from '../programs/redis/client.ts'

/** @throws program-missing, with the package that brings it. */
export async function checkCache(): Promise<void> {
  await findRedis()
  await loadRedisClient()
}
