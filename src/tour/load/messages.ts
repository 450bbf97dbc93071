// What the tour and its load process say to each other, over the channel that fork() makes.

import type { LedgerVerdict } from '../ledger.ts'
import type { LoadClientOptions } from './client.ts'
import type { GeneratorOptions, PrepareOptions } from './generator.ts'
import type { LoadRecord } from './record.ts'

export interface LoadConfig extends GeneratorOptions, LoadClientOptions, PrepareOptions {
  baseUrl: string
  seed: number
}

/** Each call is answered once. */
export interface LoadCalls {
  /** Makes the first users and photos. */
  prepare: { argument: LoadConfig; result: null }
  start: { argument: null; result: null }
  /** What is due from now on belongs to the next phase. */
  phase: { argument: null; result: null }
  /** Ends the load when the last answer is there. */
  stop: { argument: null; result: LoadRecord }
  /** Looks for every acknowledged write; only after stop, and again as often as wanted. */
  verify: { argument: { settleMs: number }; result: LedgerVerdict }
}

export type LoadCallName = keyof LoadCalls

export interface CallMessage<Name extends LoadCallName = LoadCallName> {
  id: number
  name: Name
  argument: LoadCalls[Name]['argument']
}

export type ReplyMessage = { id: number; result: unknown } | { id: number; error: string }

export interface LoadProgress {
  sent: number
  ok: number
  failed: number
  perSecond: number
  p99Ms: number
}

export type LoadMessage = ReplyMessage | { progress: LoadProgress }
