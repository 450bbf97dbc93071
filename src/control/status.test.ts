// The status that is read from disk.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SystemMap } from '../map/map.ts'
import { resolveTopology } from '../topology/topology.ts'
import { statusWithoutSupervisor } from './status.ts'

test('a map that an earlier version wrote is shown as this one would go on with it', () => {
  const topology = resolveTopology({ rung: 3 })
  const older = structuredClone(topology)
  Reflect.deleteProperty(older.front, 'tls')
  const map: SystemMap = {
    ...{ version: 7, system: 'status', rung: 3, topology: older, appDir: '/app', portBase: 8000, nodes: [] },
    ...{ entry: { address: '127.0.0.1', port: 8080 }, hasHostAddresses: false, shards: [], regions: [] },
  }
  const status = statusWithoutSupervisor(map, 'token')
  assert.deepEqual(status.topology, topology)
  assert.equal(status.urls.tls, undefined)
  assert.equal(status.version, 7)
})
