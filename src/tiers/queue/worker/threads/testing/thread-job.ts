// A handler for threads that does what its payload says.

import { threadId } from 'node:worker_threads'
import type { Job } from '../../../contract.ts'

async function handle(job: Job<{ what: 'tell' | 'spin' | 'fill' | 'exit' | 'fail' | 'wait' }>): Promise<void> {
  const { what } = job.payload
  job.progress({ threadId, id: job.id })
  if (what === 'spin') for (;;);
  if (what === 'exit') process.exit(3)
  if (what === 'fail') throw new Error('it failed in its thread')
  if (what === 'fill') {
    const kept: number[][] = []
    for (;;) kept.push(Array.from({ length: 100_000 }, (_, n) => n))
  }
  if (what === 'wait')
    await new Promise((_, reject) => job.signal.addEventListener('abort', () => reject(job.signal.reason)))
}

export { handle as default }
