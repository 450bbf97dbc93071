// The plan that is being carried out, on disk before its first step (lane.ts).

import { readFile } from 'node:fs/promises'
import type { ScaledRole } from '../map/map.ts'
import { replaceFile } from '../map/store.ts'
import type { Step } from '../plan/step.ts'
import type { Topology } from '../topology/schema.ts'

export interface Journal {
  from: number
  to: number
  steps: Step[]
  /** Steps that are finished; the next one may be begun already. */
  done: number
  startedAt: string
  /** Where a climb goes: it can be planned anew when a failover changes the ground under it. */
  target?: Topology
  /** Primary of each shard as the steps expect it. */
  primaries: Record<string, string>
  replans: number
  /** What the load asked for, and no person: it gives way to what a person asks for. */
  isScaling?: boolean
  /** Of which role; of web processes when it does not say. */
  scales?: ScaledRole
  finishedAt?: string
  /** Why it was given up. */
  failure?: string
}

export async function readJournal(file: string): Promise<Journal | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? undefined : (JSON.parse(text) as Journal)
}

export async function writeJournal(file: string, journal: Journal): Promise<void> {
  await replaceFile(file, `${JSON.stringify(journal, null, 1)}\n`)
}

export function isUnfinished(journal: Journal | undefined): journal is Journal {
  return journal !== undefined && journal.finishedAt === undefined && journal.failure === undefined
}
