// One after the other, whatever their weights. A server that goes or comes shifts the turn and nothing else. One that ramps
// up lets as many of its turns pass as its share is short of the whole.

import { type Random, systemRandom } from '../../../base/random.ts'
import type { ServerState } from '../server-state.ts'
import type { Algorithm } from './algorithm.ts'

export function roundRobin(random: Random = systemRandom): Algorithm {
  let turn = 0
  const next = (candidates: readonly ServerState[]) => {
    turn = (turn + 1) % Number.MAX_SAFE_INTEGER
    return candidates[turn % candidates.length] as ServerState
  }
  return {
    needsHash: false,
    pick(candidates, _hash, nowMs) {
      // After one round of passes whoever is next takes it: perhaps all are new.
      for (let i = 1; i < candidates.length; i++) {
        const server = next(candidates)
        const share = server.shareAt(nowMs)
        if (share >= 1 || random.next() < share) return server
      }
      return next(candidates)
    },
  }
}
