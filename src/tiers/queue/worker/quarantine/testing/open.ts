// A quarantine over the process in child.ts, and jobs for it.

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '../../../../../base/clock.ts'
import { seededRandom } from '../../../../../base/random.ts'
import { HeldJob } from '../../held-job.ts'
import { Quarantine } from '../quarantine.ts'

const quiet = { warn() {}, error() {} }

/** `file` says what the next process runs. */
export function openTestQuarantine({
  clock = systemClock,
  file = () => 'child.ts',
}: {
  clock?: Clock
  file?: () => string
} = {}): Quarantine {
  return new Quarantine({
    fork: () => fork(fileURLToPath(new URL(file(), import.meta.url)), { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }),
    log: quiet,
    clock,
    random: seededRandom(1),
    cellBusyMsMax: 100,
  })
}

let count = 0

export function suspectOf(queue: string): HeldJob {
  const taken = { id: `job ${++count}`, home: '', queue, payload: {}, attempt: 2, publishedAt: new Date(), priority: 0 }
  const more = { key: undefined, trace: undefined, isSuspect: true }
  return new HeldJob({ ...taken, ...more }, Number.POSITIVE_INFINITY, () => performance.now())
}
