// How one of several servers that could all take a request is chosen.

import type { ServerState } from '../server-state.ts'

export interface Algorithm {
  /** Of `candidates`, which are never empty and always in the order of the snapshot. */
  pick(candidates: readonly ServerState[]): ServerState
}
