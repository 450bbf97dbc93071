// A web tier that is as large as its load asks for, on a running system: it grows under load, a supervisor that is killed takes
// nothing away, and it shrinks after; all the while nobody's request fails.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { waitUntil } from '../../src/base/limits.ts'
import type { Status } from '../../src/control/api.ts'
import { RunningSystem } from '../running-system.ts'

const app = `export default { setup({ http }) {
  http.get('/who', async () => ({ pid: process.pid }))
  http.get('/work', async () => {
    const endMs = performance.now() + 20
    while (performance.now() < endMs);
    return { pid: process.pid }
  })
} }
`
const topology = {
  rung: 3,
  app: './app.ts',
  database: { placement: 'beside' },
  front: { slowStartMs: 0 },
  web: {
    ...{ count: 1, max: 3, drainMs: 5000 },
    scale: { windowMs: 1000, stabiliseMs: 2000, coolDownMs: 500 },
  },
}
const workersCount = 6
const visitorPauseMs = 50

let system: RunningSystem

before(async () => {
  system = await RunningSystem.up({ 'app.ts': app, 'topology.json': topology })
})

after(() => system?.down())

test('the web tier follows its load up and down, over the death of the supervisor, and no request fails', async (t) => {
  const failures: string[] = []
  const visiting = new AbortController()
  const working = new AbortController()
  const visits = ask('/who', visiting.signal, failures, visitorPauseMs)
  const work = Array.from({ length: workersCount }, () => ask('/work', working.signal, failures))

  const grown = await system.waitStatus('three web servers', (status) => readyOf(status).length === 3)
  assert.deepEqual([grown.scale.web?.wanted, grown.scale.web?.least, grown.scale.web?.most], [3, 1, 3])
  const { supervisor } = await system.waitStatus('the end of the growth', ({ climbing }) => climbing === null)
  process.kill(Number(supervisor?.pid), 'SIGKILL')
  assert.match((await system.tenfold('status')).stdout, /web: the load asks for 3, between 1 and 3/)
  await system.tenfold('up', '--detach')
  const adopted = await system.waitStatus('a measure', ({ scale }) => (scale.web?.utilisation ?? 0) > 0)
  assert.deepEqual(pidsOf(adopted), pidsOf(grown))
  const client = await system.client()
  const measured = { what: 'the use of one in the metrics', timeoutMs: 20_000, intervalMs: 600 }
  const busy = await waitUntil(async () => (await client.metrics())['us-east/web-1']?.utilisation, measured)
  assert.ok(busy <= 1, `${busy}`)

  working.abort()
  const pids = new Set((await Promise.all(work)).flat())
  assert.deepEqual(pids, new Set(pidsOf(grown)), 'all of them had some of the work')
  await system.waitStatus('one web server', (status) => readyOf(status).length === 1 && status.nodes.length === 3)
  visiting.abort()
  assert.deepEqual(new Set(await visits), pids)
  assert.deepEqual(failures, [])
  t.diagnostic((await system.tenfold('status')).stdout)
})

test('scale sets the least, and is refused above the most', async () => {
  await system.tenfold('scale', 'web', '2')
  assert.deepEqual((await system.status()).scale.web?.least, 2)
  const refused = await system.tryTenfold('scale', 'web', '4')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /web\.max: it is below web\.count 4: set it to 4 or more, got 3/)
})

/** One request after another until it is told to stop; answers who answered. */
async function ask(path: string, signal: AbortSignal, failures: string[], pauseMs = 0): Promise<number[]> {
  const pids = new Set<number>()
  while (!signal.aborted) {
    try {
      const response = await fetch(`${system.appUrl}${path}`)
      const text = await response.text()
      if (response.status === 200) pids.add(JSON.parse(text).pid)
      else failures.push(`${path}: ${response.status} ${text}`)
    } catch (error) {
      failures.push(`${path}: ${error} ${(error as Error).cause}`)
    }
    await systemClock.sleep(pauseMs)
  }
  return [...pids]
}

function readyOf({ nodes }: Status): Status['nodes'] {
  return nodes.filter(({ role, state }) => role === 'web' && state === 'ready')
}

function pidsOf(status: Status): number[] {
  return readyOf(status).map(({ pid }) => Number(pid))
}
