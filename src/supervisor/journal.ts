// The plan that is being carried out, on disk before its first step: a supervisor that is killed in the middle leaves
// word of how far it came, and the next one goes on there.

import { readFile } from 'node:fs/promises'
import { replaceFile } from '../map/store.ts'
import type { Step } from '../plan/step.ts'

export interface Journal {
  from: number
  to: number
  steps: Step[]
  /** Steps that are finished; the next one may be begun already. */
  done: number
  startedAt: string
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
