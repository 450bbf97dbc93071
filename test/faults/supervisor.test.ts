// The supervisor may be killed at any moment of a climb: what it had begun is found and finished by the next one, nobody
// who asks notices, and nothing of it is left behind.

import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { homeOf } from '../../src/map/home.ts'
import { readMap } from '../../src/map/store.ts'
import { processesOf } from '../../src/supervisor/pid.ts'
import { LoadProcess } from '../../src/tour/load/load-process.ts'
import { RunningSystem } from '../running-system.ts'

/** Where the climb is struck: a while after this step began. They lie within the work of the step, whatever the machine. */
const strokes = [
  { to: 2, title: /^hold writes/, delayMs: 0 },
  { to: 1, title: /^hold writes/, delayMs: 100 },
  { to: 2, title: /^hold writes/, delayMs: 150 },
  { to: 3, title: /^start us-east\/web/, delayMs: 15 },
  { to: 2, title: /^start us-east\/web/, delayMs: 60 },
]
const settleMs = 45_000

let system: RunningSystem
let generator: LoadProcess

before(async () => {
  system = await RunningSystem.up()
  generator = new LoadProcess()
})

after(async () => {
  await generator?.close()
  await system?.down()
})

test('kill -9 of the supervisor at any moment of a climb: the next one arrives, nothing fails, nothing is left', async (t) => {
  await generator.prepare({
    baseUrl: (await system.status()).urls.app,
    ratePerSecond: 100,
    connectionsMax: 32,
    timeoutMs: 30_000,
    inFlightMax: 4000,
    seed: 5,
    people: 10,
    photos: 10,
    followsPerPerson: 1,
  })
  await generator.start()
  for (const stroke of strokes) {
    await t.test(`rung ${stroke.to}, ${stroke.delayMs} ms after ${stroke.title}`, async () => {
      await strike(stroke)
      await system.tenfold('up', '--detach')
      await system.waitStatus(`rung ${stroke.to}`, ({ rung, climbing, nodes }) => {
        return rung === stroke.to && climbing === null && nodes.every(({ state }) => state === 'ready')
      })
      await assertNothingLeft()
    })
  }
  const record = await generator.stop()
  for (const failure of record.failures) t.diagnostic(JSON.stringify(failure))
  assert.equal(
    record.phases.reduce((sum, phase) => sum + phase.failed, 0),
    0,
  )
  assert.deepEqual((await generator.verify(settleMs)).findings, [])
})

async function strike({ to, title, delayMs }: (typeof strokes)[number]): Promise<void> {
  const client = await system.client()
  const { supervisor } = await system.status()
  const watching = new AbortController()
  const events = client.events(watching.signal)
  await events.next() // the present status: from here on nothing is missed
  await client.apply({ rung: to })
  for await (const event of events) if (event.name === 'progress' && title.test(event.data?.step ?? '')) break
  await systemClock.sleep(delayMs)
  process.kill(Number(supervisor?.pid), 'SIGKILL')
  watching.abort()
}

/** Every process of ours is in the map, and so is every directory of a database. */
async function assertNothingLeft(): Promise<void> {
  const home = homeOf(system.dir)
  const { nodes } = await readMap(home.map)
  const ids = ['front', 'web', 'worker'].flatMap((role) => [1, 2, 3, 4].map((n) => `us-east/${role}-${n}`))
  const strays = ids.flatMap((id) =>
    processesOf(home, id).filter(({ pid }) => !nodes.some((node) => node.id === id && node.pid === pid)),
  )
  assert.deepEqual(strays, [])
  const databases = nodes.flatMap(({ dataDir }) => (dataDir === undefined ? [] : [dataDir]))
  assert.equal((await readdir(dirname(String(databases[0])))).length, databases.length)
}
