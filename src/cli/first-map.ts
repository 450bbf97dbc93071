// The map of a system before its first start: nothing is there yet.

import { randomBytes } from 'node:crypto'
import type { SystemMap } from '../map/map.ts'

export function emptyMap(
  facts: Pick<SystemMap, 'appDir' | 'portBase' | 'entry' | 'hasHostAddresses' | 'topology'>,
): SystemMap {
  return {
    ...facts,
    version: 1,
    system: randomBytes(6).toString('hex'),
    rung: 0,
    nodes: [],
    shards: [],
    regions: facts.topology.regions.map(({ id, weight }) => ({ id, weight, healthy: true })),
  }
}
