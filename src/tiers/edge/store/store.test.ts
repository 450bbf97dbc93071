// What the store promises whether or not it has a disk.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Purge } from '../contract.ts'
import { purgesRememberedMax, receivingShareMax, tagsMax, variantsMax } from './limits.ts'
import { openStore } from './store.ts'
import { bodiesOf, headOf, keep, keyTo, roomyBounds, tryKeep } from './testing/answers.ts'

const mebibyte = 2 ** 20

test('an answer is found once it is whole, byte for byte, and not before', async () => {
  const store = await openStore(roomyBounds)
  const key = keyTo('/a')
  const body = Buffer.from(Array.from({ length: 100_001 }, (_, i) => i % 251))
  const writer = store.begin(key, -1)
  for (let at = 0; at < body.length; at += 7777) assert.ok(writer?.write(body, at, Math.min(body.length, at + 7777)))
  assert.deepEqual([...store.find(key)], [])
  const kept = writer?.commit(headOf(key, body.length))
  assert.equal(store.find(key)[0], kept)
  assert.deepEqual(kept?.body, body)
  assert.deepEqual(kept?.body && (await store.read(kept)), body)
  await store.close()
})

test('a body that is shorter or longer than its head says is not kept, nor one that was given up', async () => {
  const store = await openStore(roomyBounds)
  const key = keyTo('/a')
  for (const bytes of [2, 4]) {
    const writer = store.begin(key, -1)
    writer?.write(Buffer.from('abc'), 0, 3)
    assert.equal(writer?.commit(headOf(key, bytes)), undefined)
  }
  const given = store.begin(key, 3)
  given?.abort()
  assert.equal(given?.write(Buffer.from('abc'), 0, 3), false)
  assert.equal(given?.commit(headOf(key, 3)), undefined)
  assert.deepEqual([store.objects, store.memoryBytes], [0, 0])
  await store.close()
})

test('variants stand beside each other, the newest first; the same selection takes the place', async () => {
  const store = await openStore(roomyBounds)
  const key = keyTo('/a')
  const german = keep(store, key, 'Hallo', { selectedBy: [['accept-language', 'de']] })
  keep(store, key, 'hello', { selectedBy: [['accept-language', null]] })
  assert.deepEqual(await bodiesOf(store, key), ['hello', 'Hallo'])
  keep(store, key, 'Servus', { selectedBy: [['accept-language', 'de']] })
  assert.deepEqual(await bodiesOf(store, key), ['Servus', 'hello'])
  const order = [['a', '1'] as const, ['b', '2'] as const]
  keep(store, key, 'one', { selectedBy: order })
  keep(store, key, 'two', { selectedBy: [...order].reverse() })
  assert.deepEqual(await bodiesOf(store, key), ['two', 'Servus', 'hello'])
  assert.equal(String(german.body), 'Hallo', 'who holds an answer that was replaced may read on')
  for (let i = 0; i < 2 * variantsMax; i++) keep(store, key, 'x', { selectedBy: [['cookie', String(i)]] })
  assert.equal(store.find(key).length, variantsMax)
  await store.close()
})

test('a refresh gives the same body with new fields, as the newest variant', async () => {
  const store = await openStore(roomyBounds)
  const key = keyTo('/a')
  const old = keep(store, key, 'old', { selectedBy: [['x', '1']], tags: ['before'] })
  keep(store, key, 'new', { selectedBy: [['x', '2']] })
  old.prepared = 'from the old head'
  const refreshed = store.refresh(old, { ...old.head, bornMs: 7, tags: ['after'] })
  assert.deepEqual(await bodiesOf(store, key), ['old', 'new'])
  assert.deepEqual([refreshed.head.bornMs, refreshed.prepared], [7, undefined])
  assert.equal(store.purge({ tag: 'before' }), 0)
  assert.equal(store.purge({ tag: 'after' }), 1)
  const gone = store.refresh(refreshed, { ...refreshed.head, bornMs: 8 })
  assert.equal(gone.head.bornMs, 8)
  assert.deepEqual(await bodiesOf(store, key), ['new'])
  await store.close()
})

const purges: Array<{ purge: Purge; goes: string[] }> = [
  { purge: { url: 'https://photos.test/a/b' }, goes: ['/a/b'] },
  { purge: { url: 'https://photos.test/a' }, goes: [] },
  { purge: { prefix: 'https://photos.test/a/b' }, goes: ['/a/b', '/a/b/c/d', '/a/bcd/e', '/a/b?c=/d'] },
  { purge: { prefix: 'https://photos.test/a/b/' }, goes: ['/a/b/c/d'] },
  { purge: { prefix: 'https://photos.test/a/b?' }, goes: ['/a/b?c=/d'] },
  { purge: { prefix: `https://photos.test/${'deep/'.repeat(9)}` }, goes: [`/${'deep/'.repeat(12)}x`] },
  { purge: { prefix: `https://photos.test/${'deep/'.repeat(3)}de` }, goes: [`/${'deep/'.repeat(12)}x`] },
  { purge: { prefix: 'https://photos.te' }, goes: ['*'] },
  { purge: { tag: 'even' }, goes: ['/a/b', '/a/b/c/d', '/a/b?c=/d'] },
  { purge: { tag: 'odd' }, goes: [] },
  { purge: { everything: true }, goes: ['*'] },
]

for (const { purge, goes } of purges)
  for (const soft of [false, true])
    test(`purge ${JSON.stringify({ ...purge, soft })} ${soft ? 'marks' : 'throws out'} what it names and nothing else`, async () => {
      const store = await openStore(roomyBounds)
      const paths = ['/a/b', '/a/b/c/d', '/a/bcd/e', '/a/b?c=/d', '/b', `/${'deep/'.repeat(12)}x`, '/']
      for (const path of paths)
        keep(store, keyTo(path), path, { tags: path.startsWith('/a/b') && !path.startsWith('/a/bc') ? ['even'] : [] })
      const expected = goes[0] === '*' ? paths : goes
      assert.equal(store.purge({ ...purge, soft }), expected.length)
      const isHit = (path: string) =>
        soft ? store.find(keyTo(path))[0]?.head.needsValidation : store.find(keyTo(path)).length === 0
      assert.deepEqual(
        paths.filter(isHit),
        paths.filter((path) => expected.includes(path)),
      )
      await store.close()
    })

test('a purge counts for what was asked for before it and came after it', async () => {
  const store = await openStore(roomyBounds)
  const key = keyTo('/a')
  const asked = store.mark()
  store.purge({ tag: 'x' })
  assert.equal(tryKeep(store, key, 'old', { tags: ['x'] }, asked), undefined)
  assert.ok(tryKeep(store, key, 'other tag', { tags: ['y'] }, asked))
  assert.ok(tryKeep(store, key, 'asked since', { tags: ['x'] }))

  const before = store.mark()
  store.purge({ url: 'https://photos.test/a', soft: true })
  assert.equal(tryKeep(store, key, 'old', {}, before)?.head.needsValidation, true)
  const kept = keep(store, key, 'new')
  assert.equal(store.refresh(kept, kept.head, before).head.needsValidation, true)
  assert.equal(store.refresh(kept, { ...kept.head, needsValidation: false }).head.needsValidation, false)

  const during = store.begin(key, 1)
  store.purge({ prefix: 'https://photos.test/' })
  during?.write(Buffer.from('x'), 0, 1)
  assert.equal(during?.commit(headOf(key, 1)), undefined)
  const long = store.mark()
  for (let i = 0; i <= purgesRememberedMax * 2; i++) store.purge({ tag: String(i) })
  assert.equal(
    tryKeep(store, key, 'who knows', {}, long),
    undefined,
    'with too many purges to remember, nothing is kept',
  )
  assert.equal(store.objects, 0)
  await store.close()
})

test('memory stays within its bound, whatever comes, and what is asked for often stays', async () => {
  const bounds = { ...roomyBounds, memoryBytesMax: mebibyte }
  const store = await openStore(bounds)
  const popular = Array.from({ length: 20 }, (_, i) => keyTo(`/popular/${i}`))
  for (const key of popular) keep(store, key, 'p'.repeat(10_000))
  for (let i = 0; i < 2000; i++) {
    keep(store, keyTo(`/scan/${i}`), 's'.repeat(i % 20_000))
    if (i % 10 === 0) for (const key of popular) for (const kept of store.find(key)) store.touch(kept)
    assert.ok(store.memoryBytes <= bounds.memoryBytesMax)
  }
  assert.equal(popular.filter((key) => store.find(key).length === 1).length, popular.length)
  assert.ok(store.memoryBytes > 0.9 * bounds.memoryBytesMax)
  store.resize({ ...bounds, memoryBytesMax: mebibyte / 8 })
  assert.ok(store.memoryBytes <= mebibyte / 8)
  store.resize({ ...bounds, objectsMax: 3 })
  assert.ok(store.objects <= 3)
  await store.close()
})

test('what is being received has its own bound, and what is too large is told at once', async () => {
  const bounds = { ...roomyBounds, memoryBytesMax: 16 * mebibyte, objectBytesMax: mebibyte }
  const store = await openStore(bounds)
  assert.equal(store.begin(keyTo('/a'), mebibyte + 1), undefined)
  const tooLarge = store.begin(keyTo('/a'), -1)
  const piece = Buffer.alloc(mebibyte / 2)
  assert.deepEqual(
    [1, 2, 3, 4].map(() => tooLarge?.write(piece, 0, piece.length)),
    [true, true, false, false],
  )
  const writers = Array.from({ length: 100 }, (_, i) => store.begin(keyTo(`/${i}`), mebibyte)).filter(Boolean)
  assert.equal(writers.length, (bounds.memoryBytesMax * receivingShareMax) / mebibyte)
  assert.ok(store.memoryBytes <= bounds.memoryBytesMax)
  for (const writer of writers) writer?.abort()
  assert.equal(store.memoryBytes, 0)
  await store.close()
})

test('an answer with more tags than can be known is not kept', async () => {
  const store = await openStore(roomyBounds)
  const tags = Array.from({ length: tagsMax + 1 }, (_, i) => String(i))
  assert.equal(tryKeep(store, keyTo('/a'), 'x', { tags }), undefined)
  assert.ok(tryKeep(store, keyTo('/a'), 'x', { tags: tags.slice(1) }))
  await store.close()
})
