// How far a tour can climb on this machine: the rungs from the cache tier on need programs that npm does not bring, and a tour
// that finds that out on its way counts as broken.

import { describeError, isTenfoldError } from '../base/errors.ts'
import { checkCache } from '../supervisor/check-cache.ts'
import { checkQueue } from '../supervisor/check-queue.ts'
import { rungs } from '../topology/rungs.ts'
import type { Topology } from '../topology/schema.ts'
import { resolveTopology } from '../topology/topology.ts'

interface Need {
  isNeeded(topology: Topology): boolean
  /** @throws program-missing when it is not here. */
  check(): Promise<void>
}

const needs: readonly Need[] = [
  { isNeeded: ({ cache }) => cache.nodes > 0, check: checkCache },
  { isNeeded: ({ queue }) => queue.engine === 'jetstream', check: checkQueue },
]

/** `note` is told why it is not the last rung that is built. */
export async function highestRungHere(note: (text: string) => void, checks = needs): Promise<number> {
  let built = rungs.filter(({ isBuilt }) => isBuilt).map(({ number }) => number)
  for (const { isNeeded, check } of checks) {
    try {
      await check()
    } catch (error) {
      if (!isTenfoldError(error, 'program-missing')) throw error
      const first = built.find((rung) => isNeeded(resolveTopology({ rung })))
      if (first === undefined) continue
      built = built.filter((rung) => rung < first)
      note(
        `the tour ends at rung ${built.at(-1)}, for what comes after it is not on this machine: ${describeError(error)}`,
      )
    }
  }
  return Math.max(...built)
}
