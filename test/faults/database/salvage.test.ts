// Asynchronous durability: what was acknowledged and went with the primary is known, transaction by transaction. The salvage
// file holds exactly the writes that the history checker misses, and of the unknown ones at most those that had happened.

import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import type { RunningSystem } from '../../running-system.ts'
import type { Rule } from '../history/check/violation.ts'
import type { Mix } from '../history/load/mix.ts'
import { RecordedLoad } from '../history/recorded-load.ts'
import { primaryOf, replicasOf, upReplicated, waitWhole } from './replicated-system.ts'
import { signalServer } from './server-processes.ts'
import { showSupervisorLogOfFailures } from './supervisor-log.ts'

const calmMs = 1500
/** How long the primary writes alone. */
const aloneMs = 1500
/** Each element is inserted once, so a lost write is one row of the salvage file. */
const inserts: Mix = { 'write set': 60, 'write bank': 25, 'read bank': 15 }
/** What clients may see of it: what was acknowledged is gone, for who wrote and who read it; who joined last is a stranger. */
const consequences: readonly Rule[] = ['lost', 'vanished', 'own-write-missing', 'went-back', 'session-lost']
const tables = ['set_elements', 'transfers']

interface SalvagedChange {
  table: string
  kind: 'insert' | 'update' | 'delete'
  values: Record<string, unknown>
}

let system: RunningSystem

before(async () => {
  system = await upReplicated()
  const file = join(system.dir, 'async.json')
  await writeFile(file, JSON.stringify({ rung: 4, database: { durability: 'async' } }))
  await system.tenfold('apply', file)
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

test('the salvage file holds exactly what was acknowledged and lost', async (t) => {
  await using load = await RecordedLoad.start(system, { mix: inserts })
  await systemClock.sleep(calmMs)
  const status = await waitWhole(system)
  const primary = primaryOf(status)
  const replicas = replicasOf(status)
  for (const { id } of replicas) await system.tenfold('fault', 'cut', id)
  await systemClock.sleep(aloneMs)
  signalServer(primary.pid, 'SIGKILL', 'all')
  await system.waitStatus('another primary', ({ shards }) => shards[0]?.primary !== primary.id)
  for (const { id } of replicas) await system.tryTenfold('fault', 'resume', id) // one of them is primary by now
  await waitWhole(system)
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  const others = verdict.violations.filter(({ rule }) => !consequences.includes(rule))
  assert.deepEqual([...new Set(others.map(({ rule }) => rule))], [], 'a loss breaks no other promise')
  const lost = verdict.violations.filter(({ rule }) => rule === 'lost').flatMap(({ operations }) => operations)
  const salvaged = await readSalvaged()
  t.diagnostic(`${lost.length} acknowledged writes were lost, ${salvaged.size} are in the salvage file`)
  assert.ok(lost.length > 0, 'nothing was lost: nothing was tested')
  assert.deepEqual(
    lost.filter(({ id }) => !salvaged.has(id)).map(({ id }) => id),
    [],
    'acknowledged, lost and not in the file',
  )
  const outcomes = new Map(verdict.history.map(({ id, outcome }) => [id, outcome]))
  const lostIds = new Set(lost.map(({ id }) => id))
  assert.deepEqual(
    [...salvaged].filter((id) => !lostIds.has(id) && outcomes.get(id) !== 'unknown'),
    [],
    'in the file and neither lost nor unknown',
  )
})

/** Numbers of the operations whose rows the file has. */
async function readSalvaged(): Promise<Set<number>> {
  const dir = join(system.dir, 'salvage')
  const files = (await readdir(dir)).filter((name) => name.endsWith('.jsonl'))
  const lines = (await Promise.all(files.map((name) => readFile(join(dir, name), 'utf8')))).flatMap((text) =>
    text.trim().split('\n').slice(1),
  )
  const changes = lines.flatMap((line) => (JSON.parse(line) as { changes: SalvagedChange[] }).changes)
  const rows = changes.filter(({ table, kind }) => kind === 'insert' && tables.includes(table))
  const elements = rows.map(({ values }) => Number(values['element']))
  assert.equal(new Set(elements).size, elements.length, 'a row is in the file twice')
  return new Set(elements)
}
