// A quarantine over the process in child.ts, and jobs for it.

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../../../../base/clock.ts'
import { seededRandom } from '../../../../../base/random.ts'
import { HeldJob } from '../../held-job.ts'
import { Quarantine } from '../quarantine.ts'

const quiet = { warn() {}, error() {} }

export function openTestQuarantine(): Quarantine {
  return new Quarantine({
    fork: () => fork(fileURLToPath(new URL('./child.ts', import.meta.url))),
    log: quiet,
    clock: systemClock,
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
