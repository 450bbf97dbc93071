// A handler for threads that makes something of what it is given.

import type { Job } from '../../../contract.ts'

async function handle({ payload }: Job<{ n: number }>, given: Uint8Array): Promise<{ sum: number; given: Uint8Array }> {
  if (payload.n < 0) throw new Error('it makes nothing of that')
  return { sum: payload.n + given.length, given }
}

export { handle as default }
