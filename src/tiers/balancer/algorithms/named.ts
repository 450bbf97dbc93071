// Every algorithm by the name that the topology gives it.

import type { AlgorithmName, Upstreams } from '../contract.ts'
import type { Algorithm } from './algorithm.ts'
import { boundedRing } from './bounded-ring.ts'
import { leastConnections } from './least-connections.ts'
import { powerOfTwo } from './power-of-two.ts'
import { roundRobin } from './round-robin.ts'
import { weightedRoundRobin } from './weighted-round-robin.ts'

const algorithms: Record<AlgorithmName, () => Algorithm> = {
  p2c: () => powerOfTwo(),
  'round-robin': () => roundRobin(),
  'weighted-round-robin': weightedRoundRobin,
  'least-connections': leastConnections,
  // The same ring; what is hashed differs, and whoever reads the request knows that.
  'ip-hash': () => boundedRing(),
  'consistent-hash': () => boundedRing(),
}

/** With `sticky: 'ip'` a client's address decides, whatever the algorithm is, and no bound but a server's own limit moves it. */
export function algorithmOf({ algorithm, sticky }: Pick<Upstreams, 'algorithm' | 'sticky'>): Algorithm {
  return sticky === 'ip' ? boundedRing(Number.POSITIVE_INFINITY) : algorithms[algorithm]()
}
