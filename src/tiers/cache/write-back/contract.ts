// What an engine promises that keeps waiting writes: none that was acknowledged is lost, and of one key one is out at a time.
//
// One write waits for each key, the newest: a write that comes while another one waits takes its place, and one that comes
// while another one is being stored waits behind it. Lease: the time in which whoever took a write has to store it or extend;
// after it the write is taken by the next.

import type { BackWrite, WaitingWrite } from '../contract.ts'

export interface WriteEngine {
  /** Resolves when a crash cannot lose it. @throws overloaded when too many keys wait already, too-large, bad-input */
  append(name: string, write: WaitingWrite<unknown>): Promise<void>
  /** Of all processes; one that is being stored too. */
  waiting(name: string, key: string): Promise<WaitingWrite<unknown> | undefined>
  /** Keys whose write is due and out with nobody, those first that have waited longest. At most `max`. */
  due(name: string, max: number): Promise<string[]>
  /** Undefined when there is none, it is not due, or somebody has it. */
  take(name: string, key: string, leaseMs: number): Promise<TakenWrite | undefined>
  /** Whether it is still ours, now for `leaseMs` from now. */
  extend(taken: TakenWrite, leaseMs: number): Promise<boolean>
  /** It is stored. True when a newer one of the key waits, which is due at once. Nothing when it was not ours any more. */
  done(taken: TakenWrite): Promise<boolean>
  /** It, or what has taken its place, is due again after `delayMs`. Nothing when it was not ours any more. */
  retry(taken: TakenWrite, delayMs: number, reason: string): Promise<void>
  depth(name: string): Promise<WriteDepth>
}

/** How far what is stored is behind what was acknowledged. */
export interface WriteDepth {
  name: string
  /** Keys whose newest write is not stored. */
  waiting: number
  /** Those of them whose store has failed. */
  failing: number
  /** Since the newest write of the key that waits longest. 0 when none waits. */
  oldestMs: number
}

export interface TakenWrite extends WaitingWrite<unknown> {
  readonly name: string
  /** Above those of all earlier writes of the key. */
  readonly version: number
  readonly lease: string
  readonly attempt: number
}

/** What stores the writes of a name. */
export type Store = (key: string, value: unknown, write: BackWrite) => Promise<void>
