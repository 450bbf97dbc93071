// Handlers in threads: what they do to their thread, nobody else feels.

import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { TenfoldError } from '../../../../base/errors.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { HeldJob } from '../held-job.ts'
import { ThreadHandler } from './thread-handler.ts'

const timeoutMs = 30_000
const file = new URL('./testing/thread-job.ts', import.meta.url)
// A heap that is soon full.
const threads = new ThreadHandler(file, 2, {}, 32)
after(() => threads.close())

function jobOf(what: string): HeldJob {
  const taken = { id: what, home: '', queue: 'q', payload: { what }, attempt: 1, publishedAt: new Date(), priority: 0 }
  const more = { key: undefined, trace: undefined, isSuspect: false }
  return new HeldJob({ ...taken, ...more }, Number.POSITIVE_INFINITY, () => performance.now())
}

const begun = (job: HeldJob) => waitUntil(() => job.unwritten, { what: 'its first word', timeoutMs })

it('runs off the event loop, and says how far it is', async () => {
  const job = jobOf('tell')
  await threads.handle(job)
  const { threadId, id } = (await begun(job)).value as { threadId: number; id: string }
  assert.ok(threadId > 0)
  assert.equal(id, 'tell')
})

it('a failure, an exit, and memory that is full are failures of the job alone', async () => {
  await assert.rejects(threads.handle(jobOf('fail')), /it failed in its thread/)
  await assert.rejects(threads.handle(jobOf('exit')), /exit/)
  await assert.rejects(threads.handle(jobOf('fill')), /memory/)
  await threads.handle(jobOf('tell'))
})

it('a time-out ends a thread that never gives its loop back; a drain leaves time, and tells it', async () => {
  const spinning = jobOf('spin')
  const spun = assert.rejects(threads.handle(spinning), /too long/)
  await begun(spinning)
  spinning.abort('timeout', new TenfoldError('timeout', 'it took too long'))
  await spun
  const waiting = jobOf('wait')
  const waited = assert.rejects(threads.handle(waiting), /the worker stops/)
  await begun(waiting)
  waiting.abort('draining', new TenfoldError('closed', 'the worker stops', { details: { isDrain: true } }))
  await waited
})

it('refuses a file that is not there or exports no handler', async () => {
  const nowhere = new ThreadHandler(new URL('./testing/nowhere.ts', import.meta.url), 1)
  await assert.rejects(nowhere.handle(jobOf('tell')), { code: 'bad-input' })
  await nowhere.close()
  await assert.rejects(nowhere.handle(jobOf('tell')), { code: 'bad-input' })
  const wrong = new ThreadHandler(new URL('./protocol.ts', import.meta.url), 1)
  await assert.rejects(wrong.handle(jobOf('tell')), /needs `export default/)
  await wrong.close()
})
