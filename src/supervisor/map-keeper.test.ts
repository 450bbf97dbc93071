// Who has heard of a change when it is said to be known everywhere: real doors, on sockets of their own.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Home, homeOf } from '../map/home.ts'
import type { MapNode, SystemMap } from '../map/map.ts'
import { readMap } from '../map/store.ts'
import type { DoorHandlers } from '../processes/door/contract.ts'
import { DoorServer } from '../processes/door/server.ts'
import { resolveTopology } from '../topology/topology.ts'
import { MapKeeper } from './map-keeper.ts'

const changed = (draft: SystemMap) => {
  draft.rung = 2
}

test('a process that could not apply a change is told again, until it has', async (t) => {
  const { home, keeper } = await openKeeper(t, ['a', 'b'], { insistMs: 60_000 })
  let told = 0
  let version = 1
  const refusesTwice = async () => {
    if (++told < 3) throw new Error('not now')
    version = (await readMap(home.map)).version
  }
  await openDoor(t, home, 'a', { apply: refusesTwice, version: () => version })
  await openDoor(t, home, 'b', { apply: async () => {}, version: () => 2 })
  await keeper.changeEverywhere(changed)
  assert.deepEqual([told, version], [3, 2])
})

test('one that reads an older map than it was told of is told again', async (t) => {
  const { home, keeper } = await openKeeper(t, ['a'], { insistMs: 60_000 })
  let told = 0
  await openDoor(t, home, 'a', { apply: async () => void told++, version: () => (told < 2 ? 1 : 2) })
  await keeper.changeEverywhere(changed)
  assert.equal(told, 2)
})

test('one that never applies it is given up; one without a door, or without anybody behind it, is not waited for', async (t) => {
  const { home, keeper } = await openKeeper(t, ['a', 'gone', 'starting'], { insistMs: 300 })
  let told = 0
  const refuses = async () => {
    told++
    throw new Error('never')
  }
  await openDoor(t, home, 'a', { apply: refuses, version: () => 1 })
  await keeper.changeEverywhere(changed)
  assert.ok(told >= 1)
  const { keeper: other } = await openKeeper(t, ['gone', 'starting'], { insistMs: 600_000 })
  await other.changeEverywhere(changed)
})

test('a change that nobody waits for is told once', async (t) => {
  const { home, keeper } = await openKeeper(t, ['a'])
  let told = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const refuses = async () => {
    told++
    resolve()
    throw new Error('never')
  }
  await openDoor(t, home, 'a', { apply: refuses, version: () => 1 })
  await keeper.change(changed)
  await promise
  await keeper.changeEverywhere((draft) => {
    draft.nodes = []
  })
  assert.equal(told, 1)
})

async function openKeeper(t: TestContext, ids: string[], options: { insistMs?: number } = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-keeper-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const home = homeOf(dir)
  const nodeAs = (id: string): MapNode => ({
    ...{ id, role: 'web', region: 'us-east', host: 'us-east/host-1', address: '127.0.0.1', port: 0 },
    ...{ pid: process.pid, state: 'ready', since: '', restarts: 0, entry: false },
  })
  const map: SystemMap = {
    ...{ version: 1, system: 'test', rung: 1, hasHostAddresses: false, appDir: dir, portBase: 0 },
    ...{ shards: [], regions: [], topology: resolveTopology({}), entry: { address: '127.0.0.1', port: 0 } },
    nodes: ids.map(nodeAs),
  }
  return { home, keeper: new MapKeeper(home, map, options) }
}

async function openDoor(
  t: TestContext,
  home: Home,
  id: string,
  { apply, version }: { apply: () => Promise<void>; version: () => number },
): Promise<void> {
  const handlers: DoorHandlers = {
    applyMap: apply,
    state: () => ({ node: id, mapVersion: version(), isReady: true, hasEntry: false, inFlight: 0 }),
  }
  const door = new DoorServer(home, id, handlers)
  await door.start()
  t.after(() => door.stop())
}
