// The map on disk and each process's copy of it; the secrets beside it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { link, mkdir, mkdtemp, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isTenfoldError } from '../base/errors.ts'
import { stressLifecycle } from '../base/lifecycle-stress.ts'
import { waitUntil } from '../base/limits.ts'
import { seededRandom } from '../base/random.ts'
import { resolveTopology } from '../topology/topology.ts'
import { doorFileOf, homeOf } from './home.ts'
import type { SystemMap } from './map.ts'
import { makeSecrets, readSecrets } from './secrets.ts'
import { readMap, writeMap } from './store.ts'
import { MapSubscription } from './subscription.ts'

const dir = await mkdtemp(join(tmpdir(), 'tenfold-map-'))
after(() => rm(dir, { recursive: true }))

const map: SystemMap = {
  version: 1,
  system: 'test',
  rung: 1,
  topology: resolveTopology({}),
  appDir: '/app',
  entry: { address: '127.0.0.1', port: 8080 },
  portBase: 8000,
  hasHostAddresses: true,
  nodes: [],
  shards: [],
  regions: [],
}

test('readers see every version whole while a writer replaces it', async () => {
  const file = join(dir, 'whole.json')
  await writeMap(file, map)
  let isWriting = true
  const reading = (async () => {
    let seen = 0
    while (isWriting) seen = Math.max(seen, (await readMap(file)).version)
    return seen
  })()
  for (let version = 2; version <= 100; version++) await writeMap(file, { ...map, version })
  isWriting = false
  await reading
  assert.equal((await readMap(file)).version, 100)
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.includes('draft')),
    [],
  )
})

test('without a map the message says how to start a system', async () => {
  await assert.rejects(
    readMap(join(dir, 'none.json')),
    (error) => isTenfoldError(error, 'not-running') && /tenfold up/.test(error.message),
  )
})

test('a subscription hears of newer versions, once each, and never goes back', async () => {
  const file = join(dir, 'subscribed.json')
  await writeMap(file, { ...map, version: 5 })
  const subscription = new MapSubscription(file)
  await subscription.start()
  const heard: number[] = []
  subscription.onChange(({ version }) => heard.push(version))
  await writeMap(file, { ...map, version: 6 })
  await Promise.all([subscription.refresh(), subscription.refresh()])
  await writeMap(file, { ...map, version: 4 })
  assert.equal((await subscription.refresh()).version, 6)
  await subscription.refresh()
  assert.deepEqual(heard, [6])
  await subscription.stop()
})

test('whoever asks after a new version was written gets it, also while an older read is under way', async () => {
  const file = join(dir, 'slow.json')
  await writeMap(file, map)
  const subscription = new MapSubscription(file)
  await subscription.start()
  // A pipe in the file's place: the read begins when somebody opens its other end, and ends when that is closed.
  const pipe = join(dir, 'slow.pipe')
  execFileSync('mkfifo', [pipe])
  await link(pipe, `${pipe}.writer`)
  await rename(pipe, file)
  const older = subscription.refresh()
  const writer = await open(`${pipe}.writer`, 'w')
  await writeMap(file, { ...map, version: 2 })
  const [newer, shared] = [subscription.refresh(), subscription.refresh()]
  assert.equal(newer, shared)
  await writer.writeFile(JSON.stringify(map))
  await writer.close()
  await older
  assert.equal((await newer).version, 2)
  await subscription.stop()
})

test('a subscription that nobody tells notices by itself', async () => {
  const file = join(dir, 'untold.json')
  await writeMap(file, map)
  const subscription = new MapSubscription(file)
  await subscription.start()
  await writeMap(file, { ...map, version: 2 })
  await waitUntil(() => subscription.current.version === 2, { what: 'the new version', timeoutMs: 10_000 })
  await subscription.stop()
})

test('a map file that is damaged for a moment keeps the version that is known', async () => {
  const file = join(dir, 'damaged.json')
  await writeMap(file, map)
  const subscription = new MapSubscription(file)
  await subscription.start()
  await writeFile(file, '{"version": 2')
  await assert.rejects(subscription.refresh())
  assert.equal(subscription.current.version, 1)
  await subscription.stop()
})

test('a subscription can be started and stopped from all sides', async () => {
  const file = join(dir, 'stress.json')
  await writeMap(file, map)
  const subscription = new MapSubscription(file)
  await stressLifecycle(subscription, seededRandom(Date.now()), async () => subscription.current.version === 1)
})

test('secrets are made once, differ, and only their owner can read them', async () => {
  const home = homeOf(join(dir, 'home'))
  await mkdir(home.dir)
  const secrets = await makeSecrets(home)
  assert.deepEqual(await readSecrets(home), secrets)
  const all = [...Object.values(secrets.postgres), ...secrets.cookieKeys, secrets.controlToken]
  assert.equal(new Set(all).size, all.length)
  for (const file of [home.secrets, home.token]) assert.equal((await stat(file)).mode & 0o777, 0o600)
})

test('what is there and cannot be read is not taken for missing', async () => {
  const home = homeOf(join(dir, 'unreadable'))
  await mkdir(home.dir)
  await assert.rejects(readSecrets(home), { code: 'not-running' })
  for (const [file, read] of [
    [home.secrets, () => readSecrets(home)],
    [home.map, () => readMap(home.map)],
  ] as const) {
    await writeFile(file, '{"half')
    await assert.rejects(read(), { code: 'unavailable', message: /damaged/ })
    await rm(file)
    await mkdir(file) // root can read every file, but no directory
    await assert.rejects(read(), { code: 'unavailable', message: /cannot be read/ })
  }
})

test('the path of a door fits a unix socket however deep the app lies', () => {
  for (const depth of [1, 10, 60]) {
    const door = doorFileOf(homeOf(`/${'deep/'.repeat(depth)}app/.tenfold`), 'us-east/postgres-12')
    assert.ok(Buffer.byteLength(door) <= 103, door)
  }
})
