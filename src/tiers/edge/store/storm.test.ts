// Many at once, and everything that can go wrong in between: what the store counts is what there is, and in the end nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isTenfoldError } from '../../../base/errors.ts'
import { seededRandom } from '../../../base/random.ts'
import type { Kept, Store, StoreBounds } from './contract.ts'
import { openStore } from './store.ts'
import { headOf, keyTo } from './testing/answers.ts'
import { testFolder, waitForFiles } from './testing/folder.ts'
import { patterned, writeFrom } from './testing/streamed.ts'

const mebibyte = 2 ** 20
const bounds: StoreBounds = {
  memoryBytesMax: 6 * mebibyte,
  diskBytesMax: 24 * mebibyte,
  objectBytesMax: 2 * mebibyte,
  objectsMax: 120,
  admission: 'first',
}
const clientsCount = 20
const turnsOfEach = 120
const seed = 4711

test(`a storm of requests, purges and changed bounds leaves no byte counted that is not there (seed ${seed})`, async () => {
  await using folder = await testFolder()
  const troubles: Error[] = []
  const store = await openStore(bounds, { directory: folder.path, onTrouble: (error) => troubles.push(error) })
  await using _closing = { [Symbol.asyncDispose]: () => store.close() }
  const done = { kept: 0, read: 0, gone: 0, refused: 0 }
  const clients = Array.from({ length: clientsCount }, (_, i) => client(store, seed + i, done))
  await Promise.all(clients)
  assert.deepEqual(troubles, [])
  for (const what of ['kept', 'read', 'refused'] as const) assert.ok(done[what] > 50, `only ${done[what]} were ${what}`)
  assert.ok(store.memoryBytes <= bounds.memoryBytesMax && store.diskBytes <= bounds.diskBytesMax)
  store.purge({ everything: true })
  await waitForFiles(folder, 0)
  assert.deepEqual([store.objects, store.memoryBytes, store.diskBytes], [0, 0, 0])
  // And all that was limited is free again.
  const writers = Array.from({ length: 12 }, (_, i) => store.begin(keyTo(`/${i}`), mebibyte))
  assert.ok(writers.every(Boolean))
  for (const writer of writers) writer?.abort()
  await waitForFiles(folder, 0)
  await store.close()
  const again = await openStore(bounds, { directory: folder.path })
  assert.equal(again.objects, 0)
  await again.close()
})

async function client(
  store: Store,
  ownSeed: number,
  done: Record<'kept' | 'read' | 'gone' | 'refused', number>,
): Promise<void> {
  const random = seededRandom(ownSeed)
  let held: Kept | undefined
  for (let turn = 0; turn < turnsOfEach; turn++) {
    const key = keyTo(`/${random.int(60)}`)
    const [found] = store.find(key)
    const what = random.int(20)
    if (what === 0) store.purge({ tag: String(random.int(10)), soft: random.int(2) === 0 })
    else if (what === 1)
      store.resize({
        ...bounds,
        diskBytesMax: bounds.diskBytesMax / (1 + random.int(3)),
        memoryBytesMax: bounds.memoryBytesMax / (1 + random.int(2)),
      })
    else if (what === 2 && found) store.remove(found)
    else if (what <= 4 && found) store.refresh(found, { ...found.head, fields: [['x', 'y'.repeat(random.int(500))]] })
    else if (what <= 10 && found) await check(store, found, done)
    else if (what <= 12 && held) await check(store, held, done)
    else await fetch(store, key, random.int(2 ** 31), done)
    // For long, so that it is thrown out in between.
    if (!held || random.int(15) === 0) held = found
    if (random.int(3) === 0) await nextTurn()
  }
  store.resize(bounds)
}

/** As an edge does: a body of any size, given up now and then, its bytes told by its head. */
async function fetch(
  store: Store,
  key: string,
  number: number,
  done: { kept: number; refused: number },
): Promise<void> {
  const sizes = [0, 100, 5000, 70_000, 300_000, 1_200_000]
  const bytes = sizes[(number >> 8) % sizes.length] as number
  const body = patterned(bytes, number)
  const writer = store.begin(key, number % 2 === 0 ? bytes : -1)
  const isWhole =
    writer && (number % 11 > 0 ? await writeFrom(writer, body, 0) : writer.write(body, 0, bytes >> 1) && undefined)
  const kept = isWhole ? writer.commit(headOf(key, bytes, { bornMs: number, tags: [String(number % 10)] })) : undefined
  if (!isWhole) writer?.abort()
  if (kept) done.kept++
  else done.refused++
}

async function check(store: Store, kept: Kept, done: { read: number; gone: number }): Promise<void> {
  store.touch(kept)
  const { bytes, bornMs } = kept.head
  const expected = patterned(bytes, bornMs)
  try {
    if (bytes <= store.wholeBytesMax) assert.ok((kept.body ?? (await store.read(kept))).equals(expected))
    else {
      const reader = await store.open(kept)
      try {
        for (let at = 0; at < bytes; at += 100_000)
          assert.ok((await reader.read(at, Math.min(bytes, at + 100_000))).equals(expected.subarray(at, at + 100_000)))
      } finally {
        await reader.close()
      }
    }
    done.read++
  } catch (error) {
    // It was thrown out in between, by whoever.
    if (!isTenfoldError(error, 'not-found')) throw error
    done.gone++
  }
}
