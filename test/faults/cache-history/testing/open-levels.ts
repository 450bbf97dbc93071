// The two levels that each process of these tests has: its own memory before the ring of Redis servers.

import { openMemoryCache } from '../../../../src/tiers/cache/engines/memory/engine.ts'
import { openRedisCache } from '../../../../src/tiers/cache/engines/redis/open.ts'
import { TwoLevels } from '../../../../src/tiers/cache/shared/two-levels.ts'
import type { ProcessConfig } from '../processes.ts'

export async function openLevels(config: ProcessConfig, { bytesMax }: { bytesMax: number }): Promise<TwoLevels> {
  const { ports, userName, password, limits } = config
  const far = await openRedisCache({
    servers: { kind: 'nodes', nodes: ports.map((port) => ({ address: '127.0.0.1', port })) },
    username: userName,
    password,
    limits,
  })
  return new TwoLevels(openMemoryCache({ bytesMax }), far)
}
