// Recorder and checker on a real system, below replication: what dies and hangs under load there loses nothing, and what is
// taken away behind the app's back is found.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Client } from 'pg'
import { systemClock } from '../../../src/base/clock.ts'
import type { StatusNode } from '../../../src/control/api.ts'
import { homeOf } from '../../../src/map/home.ts'
import { readSecrets } from '../../../src/map/secrets.ts'
import { RunningSystem } from '../../running-system.ts'
import { signalEach, signalServer } from '../database/server-processes.ts'
import { writableAgainMs } from './figures.ts'
import { historyApp, RecordedLoad } from './recorded-load.ts'

const calmMs = 1500
const hangMs = 1500

let system: RunningSystem

before(async () => {
  system = await RunningSystem.up(historyApp)
})

after(() => system?.down())

test('a load on a healthy system: nothing fails, nothing is broken', async (t) => {
  await using load = await RecordedLoad.start(system)
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  verdict.assertHolds()
  verdict.assertNoneFailed()
  for (const object of ['set', 'counter', 'bank', 'list'])
    assert.ok(verdict.final.some((found) => found.object === object && (found.value ?? found.elements?.length)))
})

test('a row that somebody deletes, and one that somebody doubles, are found and named', async (t) => {
  await using load = await RecordedLoad.start(system)
  await systemClock.sleep(calmMs)
  await using database = await connectAsOwner(await nodeWith('postgres'))
  const [taken, doubled] = await database.spoil()
  const { violations } = await load.end(t)
  const elementsOf = (wanted: string) =>
    violations.flatMap(({ rule, operations }) => (rule === wanted ? operations.map(({ id }) => id) : []))
  assert.ok(elementsOf('lost').includes(Number(taken)))
  assert.ok(elementsOf('doubled').includes(Number(doubled)))
})

test('kill -9 of the only primary at rung 3: no read fails and no acknowledged write is lost or doubled', async (t) => {
  await system.tenfold('climb', '--to', '3')
  await using load = await RecordedLoad.start(system)
  await systemClock.sleep(calmMs)
  const primary = await nodeWith('postgres')
  const killedAtMs = Date.now()
  process.kill(primary.pid, 'SIGKILL')
  await waitReturnOf(primary)
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  t.diagnostic(`writable again after ${writableAgainMs(verdict.history, killedAtMs, Date.now()).toFixed(0)} ms`)
  verdict.assertHolds()
  verdict.assertOnlyUnkeyedUnknown()
})

test('a primary that hangs for a while fails nothing', async (t) => {
  await using load = await RecordedLoad.start(system)
  await systemClock.sleep(calmMs)
  const { pid } = await nodeWith('postgres')
  const stopped = signalServer(pid, 'SIGSTOP', 'all')
  await systemClock.sleep(hangMs)
  signalEach(stopped, 'SIGCONT')
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  verdict.assertHolds()
  verdict.assertNoneFailed()
})

test('kill -9 of a web server: no read and no write with a key fails, and none is doubled by being sent again', async (t) => {
  await using load = await RecordedLoad.start(system, { through: 'front' })
  await systemClock.sleep(calmMs)
  const web = await nodeWith('web')
  process.kill(web.pid, 'SIGKILL')
  await waitReturnOf(web)
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  verdict.assertHolds()
  verdict.assertOnlyUnkeyedUnknown()
})

async function nodeWith(role: string): Promise<StatusNode & { pid: number }> {
  const { nodes } = await system.status()
  const node = nodes.find((candidate) => candidate.role === role)
  assert.ok(node && node.pid !== null)
  return { ...node, pid: node.pid }
}

function waitReturnOf({ id, pid }: StatusNode): Promise<unknown> {
  return system.waitStatus(`the return of ${id}`, ({ nodes }) =>
    nodes.some((node) => node.id === id && node.pid !== pid && node.state === 'ready'),
  )
}

async function connectAsOwner({ address, port }: StatusNode) {
  const { owner } = (await readSecrets(homeOf(system.dir))).postgres
  const client = new Client({ host: address, port, user: 'owner', password: owner, database: 'app' })
  await client.connect()
  return {
    /** Takes one element of a set away and doubles another one; answers which. */
    async spoil(): Promise<string[]> {
      const { rows } = await client.query(
        'SELECT owner, row_id, element FROM set_elements ORDER BY row_id DESC LIMIT 2',
      )
      const [taken, doubled] = rows
      await client.query('DELETE FROM set_elements WHERE (owner, row_id) = ($1, $2)', [taken.owner, taken.row_id])
      await client.query('INSERT INTO set_elements (owner, element) VALUES ($1, $2)', [doubled.owner, doubled.element])
      return [taken.element, doubled.element]
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}
