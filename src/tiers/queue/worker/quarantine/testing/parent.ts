// A worker with a job in quarantine that never gives the event loop back; it tells the process's id, and waits to be killed.

import { openTestQuarantine, suspectOf } from './open.ts'

const job = suspectOf('spin')
void openTestQuarantine().run(job, { leaseMs: 600_000, onStart: () => {} })
setInterval(() => {
  if (job.unwritten) process.send?.(job.unwritten.value)
}, 20)
