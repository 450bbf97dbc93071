// The server with the fewest requests under way for its weight. Among equals they take turns, so that idle servers share a
// light load.

import type { ServerState } from '../server-state.ts'
import type { Algorithm } from './algorithm.ts'

export function leastConnections(): Algorithm {
  let turn = 0
  return {
    needsHash: false,
    pick(candidates, _hash, nowMs) {
      const count = candidates.length
      turn = (turn + 1) % Number.MAX_SAFE_INTEGER
      let best = candidates[turn % count] as ServerState
      let least = loadOf(best, nowMs)
      for (let i = 1; i < count; i++) {
        const server = candidates[(turn + i) % count] as ServerState
        const load = loadOf(server, nowMs)
        if (load >= least) continue
        best = server
        least = load
      }
      return best
    },
  }
}

/** With the request that is to be placed: an idle server of weight 2 comes before one of weight 1. */
function loadOf(server: ServerState, nowMs: number): number {
  return (server.inFlight + 1) / server.weightAt(nowMs)
}
