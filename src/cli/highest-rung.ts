// How far a tour can climb on this machine: the rungs from the cache tier on need programs that npm does not bring, and a tour
// that finds that out on its way counts as broken.

import { describeError, isTenfoldError } from '../base/errors.ts'
import { checkCache } from '../supervisor/check-cache.ts'
import { rungs } from '../topology/rungs.ts'
import { resolveTopology } from '../topology/topology.ts'

/** `note` is told why it is not the last rung that is built. */
export async function highestRungHere(note: (text: string) => void, check = checkCache): Promise<number> {
  const highest = (hasCache: boolean) =>
    Math.max(
      ...rungs.flatMap(({ number, isBuilt }) =>
        isBuilt && (hasCache || resolveTopology({ rung: number }).cache.nodes === 0) ? number : [],
      ),
    )
  try {
    await check()
    return highest(true)
  } catch (error) {
    if (!isTenfoldError(error, 'program-missing')) throw error
    const rung = highest(false)
    note(`the tour ends at rung ${rung}, for what comes after it is not on this machine: ${describeError(error)}`)
    return rung
  }
}
