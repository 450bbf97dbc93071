// Of two servers at random, the one that would answer sooner. Nearly as good as knowing the best of all, and without the
// stampede on whoever was best a moment ago, also where several balancers pick at once.
//
// Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001); the cost of a server is that of
// Finagle and Linkerd: peak EWMA of latency (peak-ewma.ts) times requests under way, this one included.
// Worked example: 2 ms with 9 under way costs 20, 30 ms with none costs 30: the busy fast one is asked.

import { type Random, systemRandom } from '../../../base/random.ts'
import type { ServerState } from '../server-state.ts'
import type { Algorithm } from './algorithm.ts'

/** A server that has requests and has answered none yet: nobody knows what it is worth, so it gets no more until it has. */
const unknownMs = 60_000

export function powerOfTwo(random: Random = systemRandom): Algorithm {
  return {
    needsHash: false,
    pick(candidates, _hash, nowMs) {
      const count = candidates.length
      if (count === 1) return candidates[0] as ServerState
      const first = random.int(count)
      const one = candidates[first] as ServerState
      const other = candidates[(first + 1 + random.int(count - 1)) % count] as ServerState
      return costOf(other, nowMs) < costOf(one, nowMs) ? other : one
    },
  }
}

function costOf(server: ServerState, nowMs: number): number {
  const latencyMs = server.latency.at(nowMs)
  const weight = server.weightAt(nowMs)
  if (latencyMs === 0 && server.inFlight > 0) return (unknownMs + server.inFlight) / weight
  return (latencyMs * (server.inFlight + 1)) / weight
}
