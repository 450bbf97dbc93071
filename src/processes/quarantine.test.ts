// A job that kills its process does so once: then it runs in a process beside the worker, whose other jobs go on.

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { waitUntil } from '../base/limits.ts'
import { startTestSystem, type TestProcess, type TestSystem } from './testing/test-system.ts'

const timeoutMs = 60_000

const app = `
const app = {
  migrations: 'migrations',
  setup({ db, http, queue }) {
    const note = (what) => db.reference.insertInto('seen').values({ what, pid: process.pid }).execute()
    const quick = { concurrency: 4, leaseMs: 1000, attemptsMax: 2, backoff: { baseMs: 1, capMs: 1 } }
    queue.handle('poison', quick, async ({ attempt }) => {
      await note('poison ' + attempt)
      process.kill(process.pid, 'SIGKILL')
      await new Promise(() => {})
    })
    queue.handle('plain', quick, async ({ payload }) => note('plain ' + payload.n))
    http.post('/publish/:queue', async ({ params, body }) => queue.publish(params.queue, body))
  },
}
export { app as default }`

let system: TestSystem

before(async () => {
  system = await startTestSystem({
    'app.ts': app,
    'migrations/0001.sql': 'create table seen (what text not null, pid integer not null);',
  })
})

after(() => system[Symbol.asyncDispose]())

it('a job that kills its process kills it once, is tried to the end elsewhere, and stays with the reason', async () => {
  const publish = async ({ url }: TestProcess, queue: string, body: unknown): Promise<string> => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}/publish/${queue}`, { method: 'POST', headers, body: JSON.stringify(body) })
    return ((await answer.json()) as { id: string }).id
  }
  // Web processes work jobs off where there are no workers.
  const first = await system.start('us-east/web-1', 'web')
  await first.ready()
  const id = await publish(first, 'poison', {})
  await waitUntil(() => first.child.signalCode === 'SIGKILL', { what: 'the death of the first process', timeoutMs })
  const second = await system.start('us-east/web-2', 'web')
  await second.ready()
  for (let n = 0; n < 20; n++) await publish(second, 'plain', { n })
  const dead = await waitUntil(
    async () => (await system.sql<{ reason: string }>(`select reason from tenfold.dead_jobs where id = '${id}'`))[0],
    { what: 'a dead job', timeoutMs },
  )
  assert.match(dead.reason, /took its process down: SIGKILL/)
  const seen = await waitUntil(
    async () => {
      const rows = await system.sql<{ what: string; pid: number }>('select what, pid from seen')
      return rows.filter(({ what }) => what.startsWith('plain')).length === 20 && rows
    },
    { what: 'the other jobs', timeoutMs },
  )
  const pids = new Map(seen.map(({ what, pid }) => [what, pid]))
  assert.equal(pids.get('poison 1'), first.child.pid)
  assert.ok(pids.has('poison 2') && pids.get('poison 2') !== second.child.pid)
  assert.equal(second.child.exitCode ?? second.child.signalCode, null, 'the second one lives')
  assert.equal(pids.get('plain 19'), second.child.pid)
  assert.equal(await second.stop(), 0)
})
