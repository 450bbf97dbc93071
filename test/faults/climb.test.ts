// The promise of the ladder: it is climbed live. Real processes, real PostgreSQL, the real command line, and the tour's own
// load from a process of its own. Times are reported, never asserted. TENFOLD_FAULT_RATE=200 for the record: the tour's own
// rate, which is more than two cores have for this beside another test.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, type TestContext, test } from 'node:test'
import { LoadProcess } from '../../src/tour/load/load-process.ts'
import type { LoadConfig } from '../../src/tour/load/messages.ts'
import type { LoadRecord } from '../../src/tour/load/record.ts'
import { measureActs } from '../../src/tour/measure.ts'
import { RunningSystem } from '../running-system.ts'

const load: Omit<LoadConfig, 'baseUrl'> = {
  ratePerSecond: Number(process.env['TENFOLD_FAULT_RATE'] ?? 100),
  connectionsMax: 48,
  timeoutMs: 30_000,
  inFlightMax: 4000,
  seed: 11,
  people: 20,
  photos: 20,
  followsPerPerson: 2,
}
const settleMs = 45_000

let system: RunningSystem
let generator: LoadProcess

before(async () => {
  system = await RunningSystem.up()
})

after(() => system?.down())

beforeEach(() => {
  generator = new LoadProcess()
})

afterEach(() => generator.close())

async function startLoad(changes: Partial<LoadConfig> = {}): Promise<void> {
  const { urls } = await system.status()
  await generator.prepare({ ...load, baseUrl: urls.app, ...changes })
  await generator.start()
}

/** Ends the load; what failed is shown in full, since it is all that one has of a run that cannot be repeated exactly. */
async function endLoad(t: TestContext): Promise<LoadRecord> {
  const record = await generator.stop()
  for (const failure of record.failures) t.diagnostic(JSON.stringify(failure))
  return record
}

async function assertNothingLost(): Promise<void> {
  const verdict = await generator.verify(settleMs)
  assert.deepEqual(verdict.findings, [])
  assert.ok(verdict.checked.upload > load.photos, 'no upload was acknowledged under load')
}

function failedIn({ phases }: LoadRecord): number {
  return phases.reduce((sum, phase) => sum + phase.failed, 0)
}

test('climbing 1 -> 2 -> 3 -> 2 -> 1 fails no request and loses no acknowledged write', async (t) => {
  const rungs = [2, 3, 2, 1]
  await startLoad()
  for (const rung of rungs) {
    await generator.phase()
    await system.tenfold('climb', '--to', String(rung))
    assert.equal((await system.status()).rung, rung)
  }
  const record = await endLoad(t)
  const [, ...climbs] = measureActs(
    [1, ...rungs].map((to) => ({ kind: 'climb', from: to, to })),
    record.phases,
  )
  for (const { rung, writePauseMs, latency, sent } of climbs)
    t.diagnostic(
      `to rung ${rung}: ${sent} requests, write pause ${writePauseMs} ms, longest answer ${latency.maxMs} ms`,
    )
  assert.equal(failedIn(record), 0)
  await assertNothingLost()
})

test('kill -9 of the supervisor in the middle of a climb fails nothing, and `tenfold up` takes the climb to its end', async (t) => {
  await startLoad()
  const climbing = system.tryTenfold('climb', '--to', '3')
  const { supervisor, climbing: at } = await system.waitStatus(
    'the middle of the climb',
    (status) => (status.climbing?.done ?? 0) >= 1,
  )
  assert.ok(supervisor)
  process.kill(supervisor.pid, 'SIGKILL')
  t.diagnostic(`killed at step ${at?.done} of ${at?.of}: ${at?.step}`)
  await system.tenfold('up', '--detach')
  await climbing // whatever it says: its supervisor died
  const adopted = await system.waitStatus('rung 3', ({ rung, climbing }) => rung === 3 && climbing === null)
  assert.notEqual(adopted.supervisor?.pid, supervisor.pid)
  assert.equal(failedIn(await endLoad(t)), 0)
  await assertNothingLost()
})

test('kill -9 of a web server at rung 3 fails no GET, and the server comes back', async (t) => {
  await system.tenfold('climb', '--to', '3')
  await startLoad({ readsOnly: true })
  for (const nth of [0, 1]) {
    const { nodes } = await system.status()
    const victim = nodes.filter((node) => node.role === 'web')[nth]
    assert.ok(victim?.pid)
    const killedAtMs = Date.now()
    process.kill(victim.pid, 'SIGKILL')
    await system.waitStatus(`the return of ${victim.id}`, (status) => {
      const ready = status.nodes.filter((node) => node.role === 'web' && node.state === 'ready')
      return ready.length === 2 && ready.every((node) => node.pid !== victim.pid)
    })
    t.diagnostic(`${victim.id} was back ${Date.now() - killedAtMs} ms after its death`)
  }
  const record = await endLoad(t)
  assert.ok(record.seconds.length > 0 && record.kinds.every(({ kind }) => kind !== 'upload'))
  assert.equal(failedIn(record), 0)
})
