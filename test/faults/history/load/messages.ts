// What a test and its recorder process say to each other, over the channel that fork() makes.

import type { FinalObject, Operation } from '../operation.ts'
import type { RecorderConfig } from './recorder.ts'

export interface Calls {
  start: { argument: RecorderConfig; result: null }
  aim: { argument: string[]; result: null }
  /** Ends the load when the last answer is there. */
  stop: { argument: null; result: Operation[] }
  /** After stop. */
  final: { argument: null; result: FinalObject[] }
}

export type CallName = keyof Calls
export type Call = { [Name in CallName]: { id: number; name: Name; argument: Calls[Name]['argument'] } }[CallName]
export type Reply = { id: number; result: unknown } | { id: number; error: string }
