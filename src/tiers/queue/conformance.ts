// The suite of the queue tier: every engine's test calls it. Each test uses queues of its own name.

import { describe } from 'node:test'
import type { QueryExecutorProvider } from 'kysely'
import type { QueueEngine } from './contract.ts'
import { engineConformance } from './engine-conformance.ts'
import { historyConformance } from './history-conformance.ts'
import type { JobLedger } from './ledger/contract.ts'
import { limitsConformance } from './limits-conformance.ts'
import { workerConformance } from './worker-conformance.ts'

/**
 * What an engine may lack.
 * release: what a process held that died is free when its successor says so; else when its leases end.
 * priorities: a job of a higher priority is the next one that is taken; else it comes soon.
 * search: a job that waits can be looked at, and canceled at once; else when its turn comes.
 */
export type QueueFeature = 'release' | 'priorities' | 'search'

export interface QueueConformance {
  /** The engine under test; it may hold jobs of other tests. */
  engine(): QueueEngine
  /** Without it, limits over all processes and progress are not tested. */
  ledger?(): JobLedger
  /** Runs `work` in a transaction of the database, for engines that can publish inside of one. */
  transaction?<T>(work: (tx: QueryExecutorProvider) => Promise<T>): Promise<T>
  /** What it cannot do, each with the reason. */
  lacks?: Partial<Record<QueueFeature, string>>
}

export function queueConformance(name: string, suite: QueueConformance): void {
  describe(`queue engine ${name}`, () => {
    engineConformance(suite)
    workerConformance(suite)
    limitsConformance(suite)
    historyConformance(suite)
  })
}
