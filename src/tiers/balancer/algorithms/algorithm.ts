// How one of several servers that could all take a request is chosen.

import type { ServerState } from '../server-state.ts'

export interface Algorithm {
  /** It needs to know what the request is hashed by. */
  readonly needsHash: boolean
  /** The servers of a new snapshot, those that are down or draining too. */
  follow?(servers: readonly ServerState[]): void
  /** Of `candidates`, which are never empty and always in the order of the snapshot. Allocates nothing. */
  pick(candidates: readonly ServerState[], hash: number, nowMs: number): ServerState
}
