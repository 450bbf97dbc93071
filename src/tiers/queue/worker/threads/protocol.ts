// What a worker gives a thread, and what the thread says while it works.

import type { MessagePort } from 'node:worker_threads'
import type { Job, Payload } from '../../contract.ts'

export interface ThreadTask {
  /** Its default export is the handler. */
  file: string
  job: Omit<Job, 'signal' | 'progress' | 'heartbeat'>
  /** Of BesideThread's `before`. */
  given: unknown
  /** Says why the worker drains, once; hears the rest. */
  port: MessagePort
}

export type FromThread = { kind: 'progress'; value: number | Payload } | { kind: 'heartbeat' }
