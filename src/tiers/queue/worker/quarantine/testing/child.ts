// A quarantine whose jobs do what the name of their queue says.

import type { QueueEngine } from '../../../contract.ts'
import { QueueTier } from '../../../queue.ts'

// Nobody takes jobs here: the worker sends them.
const tier = new QueueTier({} as QueueEngine, { log: console })
tier.queue.handle('fine', {}, async (job) => job.progress(1))
tier.queue.handle('fail', {}, async () => {
  throw new Error('it failed')
})
tier.queue.handle('exit', {}, async () => process.exit(7))
tier.queue.handle('spin', {}, async (job) => {
  job.progress(process.pid)
  // What was said must be on its way before the loop stands still.
  await new Promise((resolve) => setTimeout(resolve, 50))
  for (;;);
})
tier.queue.handle('wait', {}, ({ signal }) => {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
})
tier.queue.handleMany('many', {}, async (jobs) => {
  for (const job of jobs) job.fail('one of many')
})
tier.serveQuarantine()
