// How one statement or transaction is to be run, beside what it says: where it may be read, how long it may take.

import type { FollowUp, ReadFrom } from './contract.ts'

export interface Terms {
  readonly from?: ReadFrom
  /** How long the caller waits, lines and repetitions included. */
  readonly withinMs?: number
  readonly signal?: AbortSignal
  readonly followUp?: FollowUp
}

export const noTerms: Terms = {}
