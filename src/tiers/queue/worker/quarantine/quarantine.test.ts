// Quarantine: what a job does to its process, the others do not feel, and who did it is found out.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { after, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ManualClock } from '../../../../base/clock.ts'
import { TenfoldError } from '../../../../base/errors.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { isProcessAlive } from '../../../../programs/process.ts'
import { NoQuarantine, QuarantineDeath } from './death.ts'
import { openTestQuarantine, suspectOf } from './testing/open.ts'

const timeoutMs = 60_000
const quarantine = openTestQuarantine()
const terms = { leaseMs: 60_000, onStart: () => {} }
const run = (queue: string) => quarantine.run(suspectOf(queue), terms)
after(() => quarantine.close())

it('settles as the handler does', async () => {
  const fine = suspectOf('fine')
  await quarantine.run(fine, terms)
  assert.deepEqual(fine.unwritten, { value: 1 })
  await assert.rejects(run('fail'), /^TenfoldError: it failed$/)
  await assert.rejects(run('many'), /one of many/)
  await assert.rejects(run('nobody'), /no handler for queue nobody/)
})

it('the death of the process is put on the one that caused it, however many were in it', async () => {
  const queues = ['fine', 'wait', 'exit', 'fine', 'exit', 'fine']
  const jobs = queues.map(suspectOf)
  const runs = jobs.map((job) => quarantine.run(job, terms))
  const ends = Promise.allSettled(runs)
  const results = await Promise.all(
    runs.map((each, i) =>
      queues[i] === 'wait'
        ? undefined
        : each.then(
            () => 'fine',
            (error) => error,
          ),
    ),
  )
  for (const [i, result] of results.entries()) {
    if (queues[i] === 'fine') assert.equal(result, 'fine')
    if (queues[i] === 'exit') assert.ok(result instanceof QuarantineDeath && /exit code 7/.test(result.message))
  }
  jobs[1]?.abort('canceled', new TenfoldError('closed', 'it was canceled'))
  assert.match(String(((await ends)[1] as PromiseRejectedResult).reason), /it was canceled/)
})

it('one that never gives the event loop back is ended by its time-out, and where it has none, after its lease', async () => {
  const other = openTestQuarantine()
  const timed = suspectOf('spin')
  const [ended, stood] = [quarantine.run(timed, terms), other.run(suspectOf('spin'), { ...terms, leaseMs: 500 })].map(
    (each) => each.catch((error: unknown) => error),
  )
  await waitUntil(() => timed.unwritten, { what: 'its first word', timeoutMs })
  timed.abort('timeout', new TenfoldError('timeout', 'it took too long'))
  const reasons = [await ended, await stood]
  await other.close()
  assert.ok(reasons.every((reason) => reason instanceof QuarantineDeath))
  assert.match(String(reasons[0]), /it took too long/)
  assert.match(String(reasons[1]), /gave the event loop back to nobody/)
  await run('fine')
})

it('says so when no process can be started, and tries it again later', async () => {
  const clock = new ManualClock()
  let isThere = false
  const broken = openTestQuarantine({ clock, file: () => (isThere ? 'child.ts' : 'nowhere.ts') })
  const ticking = setInterval(() => void clock.advance(1000), 5)
  await assert.rejects(broken.run(suspectOf('fine'), terms), NoQuarantine)
  isThere = true
  clearInterval(ticking)
  await clock.advance(60_000)
  await broken.run(suspectOf('fine'), terms)
  await broken.close()
})

it('ends with its worker, whatever it does', async () => {
  const parent = fork(fileURLToPath(new URL('./testing/parent.ts', import.meta.url)))
  const pid = await new Promise<number>((resolve) => parent.once('message', (message) => resolve(Number(message))))
  assert.ok(isProcessAlive(pid))
  parent.kill('SIGKILL')
  await waitUntil(() => !isProcessAlive(pid), { what: 'its end', timeoutMs })
})
