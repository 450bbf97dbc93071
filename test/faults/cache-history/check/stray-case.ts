// The one case in which a read may be older than the bound, as the engine's README states it: a process that alone is cut off from
// a node put the value elsewhere, whoever changed the key had not heard of it, and the process reads it for as long as a stray may be.
//
// So the reader has to be one that the storm had cut off from the home of the key, or of its tag; the change has to have come
// while it was, or was not back yet; and the read has to be no older than a stray may be, nor later than one may last.

import type { Read } from '../operation.ts'
import type { Violation } from './check.ts'

/** A server that one process could not ask as usual. */
export interface Cut {
  user: string
  node: number
  fromMs: number
  toMs: number
}

interface StrayTerms {
  cuts: readonly Cut[]
  /** The servers on which it is decided whether a value counts: of the key, and of its tag. */
  homesOf(key: string): readonly number[]
  /** From the end of a cut until the process asks the home for all of its keys again. */
  backMsMax: number
  strayMsMax: number
}

export function isStrayCase(violation: Violation, terms: StrayTerms): boolean {
  const { kind, read, overMs, replacedMs } = violation
  const { cuts, homesOf, backMsMax, strayMsMax } = terms
  if (kind === 'phantom' || overMs > strayMsMax) return false
  const homes = homesOf(read.key)
  return cuts.some(({ user, node, fromMs, toMs }) => {
    const strayMs = toMs + backMsMax
    const isChangedThen = replacedMs >= fromMs && replacedMs <= strayMs
    return user === userOf(read) && homes.includes(node) && isChangedThen && read.fromMs <= strayMs + strayMsMax
  })
}

/** Whatever its life. */
function userOf({ process }: Read): string {
  return process.slice(0, process.lastIndexOf('.'))
}
