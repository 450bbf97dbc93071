// A job as it is sent to another process, and back again.

import type { TakenJob } from '../../contract.ts'
import type { HeldJob } from '../held-job.ts'
import type { VisitingJob } from './protocol.ts'

export function visitingJob({ taken }: HeldJob): VisitingJob {
  const { publishedAt, key = null, trace = null, isSuspect: _, ...rest } = taken
  return { ...rest, publishedAtMs: publishedAt.getTime(), key, trace }
}

export function takenJob({ publishedAtMs, key, trace, ...rest }: VisitingJob): TakenJob {
  const publishedAt = new Date(publishedAtMs)
  return { ...rest, publishedAt, key: key ?? undefined, trace: trace ?? undefined, isSuspect: true }
}
