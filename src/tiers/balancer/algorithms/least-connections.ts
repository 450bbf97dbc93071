// The server with the fewest requests under way. Among equals they take turns, so that idle servers share a light load.

import type { Algorithm } from './algorithm.ts'
import { roundRobin } from './round-robin.ts'

export function leastConnections(): Algorithm {
  const turns = roundRobin()
  return {
    pick(candidates) {
      const fewest = Math.min(...candidates.map((server) => server.inFlight))
      return turns.pick(candidates.filter((server) => server.inFlight === fewest))
    },
  }
}
