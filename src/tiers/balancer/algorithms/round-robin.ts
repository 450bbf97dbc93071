// One after the other. A server that goes or comes shifts the turn and nothing else.

import type { Algorithm } from './algorithm.ts'

export function roundRobin(): Algorithm {
  let turn = 0
  return {
    pick(candidates) {
      turn = (turn + 1) % Number.MAX_SAFE_INTEGER
      return candidates[turn % candidates.length] as (typeof candidates)[number]
    },
  }
}
