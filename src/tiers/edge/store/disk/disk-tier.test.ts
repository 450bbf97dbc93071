// What the store promises when it has a disk.

import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ManualClock } from '../../../../base/clock.ts'
import { isTenfoldError, type TenfoldError } from '../../../../base/errors.ts'
import { waitUntil } from '../../../../base/limits.ts'
import type { StoreBounds } from '../contract.ts'
import { openStore, type StoreOptions } from '../store.ts'
import { bodiesOf, headOf, keep, keyTo } from '../testing/answers.ts'
import { type TestFolder, testFolder, waitForFiles } from '../testing/folder.ts'
import { patterned, stream, writeFrom } from '../testing/streamed.ts'

const mebibyte = 2 ** 20
const bounds: StoreBounds = {
  memoryBytesMax: 4 * mebibyte,
  diskBytesMax: 64 * mebibyte,
  objectBytesMax: 16 * mebibyte,
  objectsMax: 10_000,
  admission: 'first',
}

const openIn = (folder: TestFolder, overrides: Partial<StoreBounds> = {}, options: StoreOptions = {}) =>
  openStore({ ...bounds, ...overrides }, { directory: folder.path, ...options })

test('what was kept is there after a restart, newest first, with its fields, tags and body', async () => {
  await using folder = await testFolder()
  const key = keyTo('/a?ü')
  const body = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7) % 253))
  const first = await openIn(folder)
  keep(first, key, body, { selectedBy: [['accept', 'x']], tags: ['t'], fields: [['etag', '"ÿ"']] })
  keep(first, key, 'second', { selectedBy: [['accept', null]], bornMs: 5 })
  keep(first, key, '', { selectedBy: [['accept', 'empty']], bornMs: 6 })
  const heads = first.find(key).map(({ head }) => head)
  await first.close()

  const second = await openIn(folder)
  assert.deepEqual(
    second.find(key).map(({ head }) => head),
    heads,
  )
  assert.deepEqual(await bodiesOf(second, key), ['', 'second', String(body)])
  assert.deepEqual(second.find(key)[2]?.body, body, 'what was read is in memory')
  assert.equal(second.purge({ tag: 't' }), 1)
  await second.close()
  const third = await openIn(folder)
  assert.deepEqual(await bodiesOf(third, key), ['', 'second'])
  await third.close()
})

test('new fields, a soft purge and a replacement outlast a restart too', async () => {
  await using folder = await testFolder()
  const store = await openIn(folder)
  const refreshed = keep(store, keyTo('/refreshed'), 'r'.repeat(100))
  keep(store, keyTo('/marked'), 'm')
  keep(store, keyTo('/replaced'), 'old')
  await waitForFiles(folder, 3)
  store.refresh(refreshed, { ...refreshed.head, bornMs: 9, fields: [['x', 'y'.repeat(5000)]] })
  store.refresh(refreshed, { ...refreshed.head, bornMs: 10, fields: [['x', 'short again']] })
  store.purge({ url: 'https://photos.test/marked', soft: true })
  keep(store, keyTo('/replaced'), 'new')
  await store.close()
  assert.equal((await folder.files()).length, 3)

  const again = await openIn(folder)
  const headTo = (path: string) => again.find(keyTo(path))[0]?.head
  assert.deepEqual([headTo('/refreshed')?.bornMs, headTo('/refreshed')?.fields], [10, [['x', 'short again']]])
  assert.equal(headTo('/marked')?.needsValidation, true)
  assert.deepEqual(await bodiesOf(again, keyTo('/replaced')), ['new'])
  assert.deepEqual(await bodiesOf(again, keyTo('/refreshed')), ['r'.repeat(100)])
  await again.close()
})

test('new fields that come while the body is being written are written too', async () => {
  await using folder = await testFolder()
  const store = await openIn(folder)
  const large = await stream(store, keyTo('/large'), patterned(mebibyte))
  for (const kept of [keep(store, keyTo('/small'), 'small'), large]) {
    assert.ok(kept)
    store.refresh(kept, { ...kept.head, bornMs: 5 })
  }
  await store.close()
  const again = await openIn(folder)
  for (const path of ['/small', '/large']) assert.equal(again.find(keyTo(path))[0]?.head.bornMs, 5)
  await again.close()
})

test('a body that is too large for memory streams to disk, is read in parts, and is never whole in memory', async () => {
  await using folder = await testFolder()
  const store = await openIn(folder)
  const body = patterned(10 * mebibyte + 12_345)
  for (const [path, expected] of [
    ['/known', body.length],
    ['/unknown', -1],
  ] as const) {
    const kept = await stream(store, keyTo(path), body, { expected })
    assert.equal(kept?.body, undefined)
    assert.ok(body.length > store.wholeBytesMax && store.memoryBytes <= bounds.memoryBytesMax)
    assert.ok(kept)
    const reader = await store.open(kept)
    for (const [start, end] of [
      [0, 1],
      [65_535, 65_537],
      [5_000_000, 5_300_001],
      [body.length - 3, body.length],
    ] as const)
      assert.deepEqual(await reader.read(start, end), body.subarray(start, end))
    await reader.close()
    await reader.close()
  }
  await store.close()
  const again = await openIn(folder)
  const [kept] = again.find(keyTo('/known'))
  assert.ok(kept)
  const reader = await again.open(kept)
  assert.deepEqual(await reader.read(0, body.length), body)
  await reader.close()
  await again.close()
})

test('who goes on although the disk is behind loses the copy, and the memory that it took is free again', async () => {
  await using folder = await testFolder()
  const store = await openIn(folder)
  const writer = store.begin(keyTo('/a'), -1)
  const piece = Buffer.alloc(256 * 1024)
  let pieces = 0
  // All in one turn of the event loop: nothing can be written meanwhile.
  while (writer?.write(piece, 0, piece.length)) assert.ok(++pieces < 100)
  assert.equal(writer?.isBackedUp, false)
  assert.equal(writer?.commit(headOf(keyTo('/a'), pieces * piece.length)), undefined)
  await waitForFiles(folder, 0)
  assert.deepEqual([store.memoryBytes, store.diskBytes, store.objects], [0, 0, 0])
  await store.close()
})

test('an answer that is purged while its body is on the way to disk, or being read, leaves no file', async () => {
  await using folder = await testFolder()
  const store = await openIn(folder)
  const body = patterned(3 * mebibyte)
  const kept = await stream(store, keyTo('/a'), body)
  assert.ok(kept)
  const reader = await store.open(kept)
  store.purge({ everything: true })
  await waitForFiles(folder, 0)
  assert.deepEqual(await reader.read(mebibyte, body.length), body.subarray(mebibyte), 'who reads may read on')
  await reader.close()
  await assert.rejects(store.open(kept), isGone)

  const onTheWay = store.begin(keyTo('/b'), body.length)
  assert.ok(onTheWay)
  assert.ok(onTheWay.write(body, 0, mebibyte))
  store.purge({ prefix: 'https://photos.test/b' })
  await writeFrom(onTheWay, body, mebibyte)
  assert.equal(onTheWay.commit(headOf(keyTo('/b'), body.length)), undefined)
  const landing = await stream(store, keyTo('/c'), body)
  store.purge({ everything: true })
  assert.ok(landing)
  await waitForFiles(folder, 0)
  assert.deepEqual([store.objects, store.diskBytes], [0, 0])
  await store.close()
})

test('bodies that memory has no room for are read from disk, once for all who ask at the same time', async () => {
  await using folder = await testFolder()
  const store = await openIn(folder, { memoryBytesMax: mebibyte })
  const keys = Array.from({ length: 100 }, (_, i) => keyTo(`/${i}`))
  for (const [i, key] of keys.entries()) {
    keep(store, key, `${i}`.padEnd(50_000, '.'))
    await waitForFiles(folder, i + 1)
  }
  assert.equal(store.objects, 100)
  assert.ok(store.memoryBytes <= mebibyte)
  const onDisk = keys.filter((key) => store.find(key)[0]?.body === undefined)
  assert.ok(onDisk.length > 70, `${onDisk.length}`)
  const [kept] = store.find(onDisk[0] as string)
  assert.ok(kept)
  const bodies = await Promise.all(Array.from({ length: 1000 }, () => store.read(kept)))
  assert.ok(bodies.every((body) => body === bodies[0]))
  assert.equal(kept.body, bodies[0])
  for (const [i, key] of keys.entries()) assert.match((await bodiesOf(store, key))[0] ?? '', new RegExp(`^${i}\\.`))
  assert.ok(store.memoryBytes <= mebibyte)
  await store.close()
})

test('the disk stays within its bound, now and in a smaller one', async () => {
  await using folder = await testFolder()
  const diskBytesMax = 2 * mebibyte
  const store = await openIn(folder, { diskBytesMax })
  for (let i = 0; i < 200; i++) {
    keep(store, keyTo(`/${i}`), Buffer.alloc(30_000))
    assert.ok(store.diskBytes <= diskBytesMax)
    if (i % 20 === 19) await waitUntil(() => store.diskBytes > 0, { what: 'a file', timeoutMs: 5000 })
  }
  await store.close()
  assert.ok((await folder.bytes()) <= diskBytesMax)
  assert.ok((await folder.bytes()) > diskBytesMax / 2)

  const smaller = await openIn(folder, { diskBytesMax: diskBytesMax / 4 })
  assert.ok(smaller.diskBytes <= diskBytesMax / 4 && smaller.objects > 3)
  smaller.resize({ ...bounds, diskBytesMax: 0 })
  assert.deepEqual([smaller.diskBytes, smaller.objects], [0, 0])
  await waitForFiles(folder, 0)
  await smaller.close()
})

test('with admission at the second request, an answer goes to disk when it is asked for again', async () => {
  await using folder = await testFolder()
  const store = await openIn(folder, { admission: 'second' })
  const once = keep(store, keyTo('/once'), 'once')
  const twice = keep(store, keyTo('/twice'), 'twice')
  store.touch(twice)
  await waitForFiles(folder, 1)
  const large = patterned(mebibyte)
  assert.equal(await stream(store, keyTo('/large'), large), undefined)
  assert.ok(await stream(store, keyTo('/large'), large))
  assert.ok(once.body && store.find(once.head.key)[0] === once)
  await store.close()
  const again = await openIn(folder, { admission: 'second' })
  assert.deepEqual([again.find(once.head.key).length, again.find(twice.head.key).length], [0, 1])
  await again.close()
})

test('a folder that is taken away costs what lay in it, is told once, and is made again', async () => {
  await using folder = await testFolder()
  const clock = new ManualClock()
  const troubles: TenfoldError[] = []
  const store = await openIn(folder, {}, { clock, onTrouble: (error) => troubles.push(error) })
  const large = patterned(mebibyte)
  const kept = await stream(store, keyTo('/large'), large)
  await waitForFiles(folder, 1)
  await rm(folder.path, { recursive: true })
  assert.ok(kept)
  await assert.rejects(store.open(kept), isGone)
  assert.deepEqual(store.find(keyTo('/large')), [])
  keep(store, keyTo('/a'), 'a')
  await waitUntil(() => troubles.length > 0, { what: 'the trouble', timeoutMs: 5000 })
  assert.deepEqual(await bodiesOf(store, keyTo('/a')), ['a'])
  const [a] = store.find(keyTo('/a'))
  await clock.advance(1000)
  if (a) store.touch(a)
  await waitForFiles(folder, 1)
  assert.deepEqual(
    troubles.map(({ code }) => code),
    ['unavailable'],
  )
  await store.close()
})

test('where there is no folder to be had, answers are kept in memory and that is told', async () => {
  await using folder = await testFolder()
  const file = join(folder.path, 'file')
  await writeFile(file, '')
  const troubles: TenfoldError[] = []
  const store = await openStore(bounds, { directory: file, onTrouble: (error) => troubles.push(error) })
  keep(store, keyTo('/a'), 'a')
  assert.equal(store.begin(keyTo('/large'), 2 * mebibyte), undefined)
  assert.deepEqual(await bodiesOf(store, keyTo('/a')), ['a'])
  assert.deepEqual(
    troubles.map(({ code }) => code),
    ['unavailable'],
  )
  await store.close()
  await store.close()
})

function isGone(error: unknown): boolean {
  return isTenfoldError(error, 'not-found')
}
