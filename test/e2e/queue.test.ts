// The queue on a running system, as an operator has it: what waits, one job's life, dead jobs and their second chance, schedules,
// streams; and workers that come and go by the age of what waits.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isTenfoldError } from '../../src/base/errors.ts'
import { waitUntil } from '../../src/base/limits.ts'
import type { QueueState, Status } from '../../src/control/api.ts'
import { RunningSystem } from '../running-system.ts'

const app = `import { existsSync } from 'node:fs'
const mended = new URL('mended', import.meta.url)
const hand = (request) => ({ ...request.headers['x-hold'] && { delayMs: 3_600_000 } })
export default { setup({ http, queue }) {
  queue.handle('slow', { concurrency: 2 }, () => new Promise((resolve) => setTimeout(resolve, 100)))
  queue.handle('mail', { attemptsMax: 2, backoff: { baseMs: 10, capMs: 10 } }, async () => {
    if (!existsSync(mended)) throw new Error('no such address')
  })
  queue.handle('tick', {}, async () => {})
  queue.schedule('heartbeat', { cron: '* * * * * *', queue: 'tick', payload: { from: 'the clock' } })
  queue.defineStream('likes', {})
  queue.consume('likes', { group: 'counters', from: 'start' }, async () => {})
  http.post('/jobs/:queue', async (request) => queue.publish(request.params.queue, request.body ?? {}, hand(request)))
  http.post('/many/:count', async ({ params: { count } }) =>
    queue.publishMany('slow', Array.from({ length: Number(count) }, (_, n) => ({ payload: { n } }))))
  http.post('/likes', async () => queue.stream('likes').append({ photo: 7 }))
} }
`
const topology = {
  rung: 1,
  app: './app.ts',
  worker: { count: 1, max: 3, scale: { ageMsMax: 500, windowMs: 1000, stabiliseMs: 2000, coolDownMs: 500 } },
}
const timeoutMs = 60_000

let system: RunningSystem

before(async () => {
  system = await RunningSystem.up({ 'app.ts': app, 'topology.json': topology })
})

after(() => system?.down())

test('a job that fails for good is told of with its reasons, and published again once what was wrong is mended', async () => {
  const { id } = await post('/jobs/mail', { to: 'nobody' })
  await until('a dead job', async () => (await stateOf('mail'))?.dead === 1)
  const client = await system.client()
  const life = await client.job(id)
  assert.deepEqual([life.job?.state, life.job?.queue, life.job?.attempt], ['dead', 'mail', 2])
  const seen = life.events.map(({ event }) => event)
  assert.deepEqual(seen, ['published', 'taken', 'failed', 'retried', 'taken', 'failed', 'dead'])
  const nodes = new Set(life.events.map(({ node }) => node))
  assert.deepEqual(nodes, new Set(['us-east/web-1', 'us-east/worker-1']))
  assert.match((await system.tenfold('queue', 'job', id)).stdout, /failure at attempt 2.*: .*no such address/)
  assert.match(
    (await system.tenfold('queue', 'dead', 'list')).stdout,
    new RegExp(`^${id}  mail  died .*no such address`),
  )
  assert.match((await system.tenfold('queue')).stdout, /mail .*\n1 of mail are dead/s)

  await system.writeApp('mended', '')
  const { redriven, jobs } = await json('queue', 'dead', 'redrive', id)
  assert.deepEqual([redriven, jobs[0].deadId], [1, id])
  await until('the redriven job', async () => (await stateOf('mail'))?.done === 1)
  assert.equal((await client.redrive({ ids: [id] })).redriven, 0)
  assert.equal((await client.redrive({ queue: 'mail' })).redriven, 0)
  assert.deepEqual(await client.deadJobs({ queue: 'mail' }), { letters: [], next: null })
})

test('a job that waits can be canceled, and one that never was is not found', async () => {
  const { id } = await post('/jobs/mail', {}, { 'x-hold': '1' })
  const client = await system.client()
  assert.equal((await client.job(id)).job?.state, 'delayed')
  assert.equal((await json('queue', 'cancel', 'mail', id)).answer, 'canceled')
  assert.equal((await client.cancelJob('mail', id)).answer, 'unknown')
  const nobody = await system.tryTenfold('queue', 'job', '0199aaaa-0000-7000-8000-000000000000')
  assert.equal(nobody.code, 1)
  assert.match(nobody.stderr, /nothing is known of a job/)
})

test('schedules fire, streams move on, and both can be seen', async () => {
  const client = await system.client()
  const fired = async () => (await client.schedules())[0]
  const before = (await fired())?.fired ?? 0
  const { name, lastJob } = await until('two more', async () => {
    const schedule = await fired()
    return schedule !== undefined && schedule.fired >= before + 2 && schedule
  })
  assert.equal(name, 'heartbeat')
  assert.ok(lastJob)
  assert.match(
    (await system.tenfold('queue', 'schedules')).stdout,
    /^heartbeat {2}\* \* \* \* \* \* UTC -> tick {2}next 2/,
  )
  await post('/likes', {})
  const lane = async () => (await client.streams())[0]?.groups[0]?.lanes[0]
  await until('the entry to be handled', async () => (await lane())?.lag === 0)
  assert.match((await system.tenfold('queue', 'streams')).stdout, /^likes: 1 partition.*\n {2}counters .* has all/)
  assert.match((await system.tenfold('queue', 'rewind', 'likes', 'counters', 'start')).stdout, /goes on from start/)
  await assert.rejects(client.rewind('likes', 'nobody', 'now'), (error) => isTenfoldError(error, 'not-found'))
})

test('workers come while jobs wait for too long, the metrics say why, and they go when all is done', async (t) => {
  await post('/many/400', {})
  await system.waitStatus('three workers', (status) => workersOf(status) === 3)
  assert.match((await system.tenfold('status')).stdout, /worker: the load asks for 3, between 1 and 3/)
  const { slowest, donePerSecond } = (await stateOf('slow')) as QueueState
  assert.ok(slowest.length > 0 && donePerSecond > 0)
  const token = (await readFile(join(system.dir, 'token'), 'utf8')).trim()
  const headers = { authorization: `Bearer ${token}` }
  const metrics = await (await fetch(`http://127.0.0.1:${system.portBase + 70}/metrics`, { headers })).text()
  for (const line of [
    /^tenfold_queue_waiting\{queue="slow"\} \d+$/m,
    /^tenfold_queue_run_seconds_bucket\{queue="slow",le="0.25"\} [1-9]/m,
  ])
    assert.match(metrics, line)
  assert.match(metrics, /^tenfold_worker_wanted 3$/m)
  t.diagnostic((await system.tenfold('queue')).stdout)
  await until('all jobs', async () => (await stateOf('slow'))?.waiting === 0)
  await system.waitStatus('one worker', (status) => workersOf(status) === 1 && status.scale.worker?.wanted === 1)
  const { done } = (await until('the count', async () => stateOf('slow'))) as QueueState
  t.diagnostic(`${done} of 400 were done by the worker that is left`)
})

async function stateOf(name: string): Promise<QueueState | undefined> {
  return (await (await system.client()).queue()).queues.find(({ queue }) => queue === name)
}

// biome-ignore lint/suspicious/noExplicitAny: what a command prints is held against what it should be
async function json(...words: string[]): Promise<any> {
  return JSON.parse((await system.tenfold(...words, '--json')).stdout)
}

async function post(path: string, body: object, headers: Record<string, string> = {}): Promise<{ id: string }> {
  const response = await fetch(`${system.appUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  assert.equal(response.status, 200, await response.clone().text())
  return (await response.json()) as { id: string }
}

function until<T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> {
  return waitUntil(check, { what, timeoutMs, intervalMs: 100 })
}

function workersOf({ nodes }: Status): number {
  return nodes.filter(({ role, state }) => role === 'worker' && state === 'ready').length
}
