// A suspect on its way through quarantine.

import type { HeldJob } from '../held-job.ts'

export interface Visit {
  readonly number: number
  readonly job: HeldJob
  readonly leaseMs: number
  readonly onStart: () => void
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
  begunAt: number
  abortAskedAt: number
}
