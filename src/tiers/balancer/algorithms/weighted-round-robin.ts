// Turns by weight, spread evenly: a server of weight 5 is not asked five times in a row.
//
// Source: nginx, "Upstream: smooth weighted round-robin balancing" (commit 52327e0627f49dbda1e8db695e63a4b0af4448b1, 2012).
// With each pick every server is credited its weight, and the one with the most credit pays the sum of the weights.
// Worked example, weights 5, 1, 1: a a b a c a a.

import type { ServerState } from '../server-state.ts'
import type { Algorithm } from './algorithm.ts'

export function weightedRoundRobin(): Algorithm {
  return {
    needsHash: false,
    pick(candidates, _hash, nowMs) {
      let best = candidates[0] as ServerState
      let sum = 0
      for (const server of candidates) {
        const weight = server.weightAt(nowMs)
        sum += weight
        server.credit += weight
        if (server.credit > best.credit) best = server
      }
      best.credit -= sum
      return best
    },
  }
}
