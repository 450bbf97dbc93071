// What an earlier version wrote, read by this one.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import type { MapNode, SystemMap } from '../map/map.ts'
import type { Step } from '../plan/step.ts'
import { frontSettingsOf } from '../topology/front-settings.ts'
import type { Topology } from '../topology/schema.ts'
import { resolveTopology } from '../topology/topology.ts'
import { webSettingsOf } from '../topology/web-settings.ts'
import { EventLog } from './events.ts'
import { type Journal, writeJournal } from './journal.ts'
import { Lane } from './lane.ts'
import { withNewKeys } from './new-keys.ts'

const topology = resolveTopology({ rung: 3 })
const older = structuredClone(topology)
Reflect.deleteProperty(older.front, 'tls')

test('processes of an older map are said to have been started with its settings, and keep what they have said', () => {
  const map = mapOf(older)
  const whole = withNewKeys(map, 'map')
  assert.deepEqual(whole.topology, topology)
  const settings = frontSettingsOf(topology)
  assert.deepEqual(
    whole.nodes.map((node) => node.settings),
    [settings, 'its own', webSettingsOf(topology, [])],
  )
  assert.equal(whole.version, map.version + 1)
  assert.equal(withNewKeys(whole, 'map'), whole)
})

test('a plan of an older version goes on with whole topologies', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-keys-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'journal.json')
  const steps: Step[] = [{ kind: 'set-topology', topology: older }]
  const journal: Journal = {
    ...{ from: 2, to: 3, steps, done: 0, startedAt: '', target: older, primaries: {}, replans: 0 },
  }
  await writeJournal(file, journal)
  const carriedOut: Step[] = []
  const lane = new Lane({
    file,
    nameOf: () => 'it',
    events: new EventLog(pino({ level: 'silent' })),
    carryOut: async (step) => void carriedOut.push(step),
    replan: async ({ target }) => {
      assert.deepEqual(target, topology)
      return undefined
    },
  })
  await lane.load()
  lane.resume()
  await lane.idle()
  assert.deepEqual(carriedOut, [{ kind: 'set-topology', topology }])
  assert.equal(lane.lastFailure, null)
})

function mapOf(of: Topology): SystemMap {
  const node = (id: string, more: Partial<MapNode>): MapNode => ({
    ...{ id, role: 'front', region: 'us-east', host: 'us-east/host-1', address: '127.0.0.1', port: 1 },
    ...{ pid: null, state: 'down', since: '', restarts: 0, entry: false },
    ...more,
  })
  return {
    ...{ version: 7, system: 'keys', rung: 3, topology: of, appDir: '/app', portBase: 8000 },
    ...{ entry: { address: '127.0.0.1', port: 8080 }, hasHostAddresses: false, shards: [], regions: [] },
    nodes: [
      node('us-east/front-1', {}),
      node('us-east/front-2', { settings: 'its own' }),
      node('us-east/web-1', { role: 'web' }),
    ],
  }
}
