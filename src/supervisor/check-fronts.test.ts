// What is looked at before a topology is accepted, and the second public socket.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { TenfoldError } from '../base/errors.ts'
import { homeOf } from '../map/home.ts'
import { type MapNode, tlsPortOffset } from '../map/map.ts'
import { frontSettingsOf } from '../topology/front-settings.ts'
import { resolveTopology } from '../topology/topology.ts'
import { checkFronts } from './check-fronts.ts'
import { EntrySocket, isTlsEntryWanted } from './entry.ts'
import { Executor } from './executor.ts'
import type { System } from './system.ts'

const withTls = resolveTopology({ rung: 3, front: { tls: { enabled: true } } })

test('a directory of certificates without any that can be used is refused', async (t) => {
  const dir = await temporaryDir(t)
  const place = { home: homeOf(join(dir, 'home')), appDir: dir }
  await mkdir(join(dir, 'empty'))
  const own = resolveTopology({ rung: 3, front: { tls: { enabled: true, certificates: 'empty' } } })
  await assert.rejects(checkFronts(own, place), { code: 'bad-input', message: /no certificate that can be used/ })
  await checkFronts(withTls, place)
  await checkFronts(resolveTopology({ rung: 1 }), place)
})

test('a port for TLS that another program has is refused, and one that is free stays free', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const at = { entry: { address: '127.0.0.1', port: 0 }, portBase: port - tlsPortOffset }
  const entry = EntrySocket.open(at, {})
  t.after(() => entry.close())
  assert.throws(() => entry.checkTls(), { code: 'port-taken' })
  other.close()
  await once(other, 'close')
  for (let i = 0; i < 2; i++) entry.checkTls()
  assert.equal(entry.descriptors(true).length, 2)
  entry.checkTls()
})

test('the socket for TLS is wanted until the last front that has it is gone', () => {
  const topology = resolveTopology({ rung: 3 })
  const front = (settings: string) => ({ role: 'front', settings }) as MapNode
  assert.equal(isTlsEntryWanted({ topology: withTls, nodes: [] }), true)
  assert.equal(isTlsEntryWanted({ topology, nodes: [front(frontSettingsOf(withTls))] }), true)
  assert.equal(isTlsEntryWanted({ topology, nodes: [front(frontSettingsOf(topology)), {} as MapNode] }), false)
})

test('a topology that new fronts could not start with changes nothing; one without new fronts is taken', async (t) => {
  const home = homeOf(await temporaryDir(t))
  const start = resolveTopology({ rung: 1 })
  const map = { rung: 1, topology: start, portBase: 8000, regions: [], shards: [], nodes: [] }
  let changes = 0
  const keeper = { map, change: () => changes++, changeEverywhere: () => changes++ }
  let checks = 0
  const stopping = () => new AbortController().signal
  const system = { home, keeper, events: { emit() {} }, stopping } as unknown as System
  const executor = new Executor(system, async (_, roles) => {
    if (!roles.has('front')) return
    checks++
    throw new Error('it could not start')
  })
  await assert.rejects(executor.accept(withTls), /it could not start/)
  assert.deepEqual([changes, checks, executor.progress], [0, 1, null])
  await executor.accept(start)
  assert.equal(checks, 1)
  await executor.stop()
})

test('programs that new cache nodes need are looked for before a topology with them is taken over', async (t) => {
  const home = homeOf(await temporaryDir(t))
  const map = { rung: 1, topology: resolveTopology({}), portBase: 8000, regions: [], shards: [], nodes: [] }
  const system = { home, keeper: { map }, events: { emit() {} } } as unknown as System
  const executor = new Executor(system, async (_, roles) => {
    if (roles.has('redis')) throw new TenfoldError('program-missing', 'Redis is not installed')
  })
  await assert.rejects(executor.accept(resolveTopology({ rung: 5 })), { code: 'program-missing' })
  assert.equal(executor.progress, null)
})

async function temporaryDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-check-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}
