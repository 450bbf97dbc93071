// What a thread cannot have, its process fetches and keeps for it.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HeldJob } from '../held-job.ts'
import { ThreadHandler } from './thread-handler.ts'

const file = new URL('./testing/doubling.ts', import.meta.url)

function jobOf(n: number): HeldJob {
  const taken = { id: `${n}`, home: '', queue: 'q', payload: { n }, attempt: 1, publishedAt: new Date(), priority: 0 }
  const more = { key: undefined, trace: undefined, isSuspect: false }
  return new HeldJob({ ...taken, ...more }, Number.POSITIVE_INFINITY, () => performance.now())
}

it('is given what was fetched before it, and what it made is kept after it; nothing fetched is nothing to do', async (t) => {
  const kept: unknown[] = []
  const threads = new ThreadHandler(file, 1, {
    before: async ({ id }) => (id === '0' ? undefined : Buffer.from('abc')),
    after: async ({ id }, made) => void kept.push([id, made]),
  })
  t.after(() => threads.close())
  for (const n of [0, 4]) await threads.handle(jobOf(n))
  assert.deepEqual(kept, [['4', { sum: 7, given: new Uint8Array([97, 98, 99]) }]])
  await assert.rejects(threads.handle(jobOf(-1)), /makes nothing of that/)
  assert.equal(kept.length, 1, 'nothing is kept of what failed')
})

it('has failed when what it made cannot be kept', async (t) => {
  const threads = new ThreadHandler(file, 1, {
    before: async () => new Uint8Array(1),
    after: async () => {
      throw new Error('the disk is full')
    },
  })
  t.after(() => threads.close())
  await assert.rejects(threads.handle(jobOf(1)), /disk is full/)
})
