// Files that are not what was written: never given to anybody, whatever is wrong with them.

import assert from 'node:assert/strict'
import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../../base/random.ts'
import type { Store } from '../contract.ts'
import { openStore } from '../store.ts'
import { headOf, keep, keyTo, roomyBounds } from '../testing/answers.ts'
import { type TestFolder, testFolder, waitForFiles } from '../testing/folder.ts'
import { patterned } from '../testing/streamed.ts'
import { areWhole, BlockChecksums, blockBytes, decodeTail, encodeTail, tailBytesOf } from './object-file.ts'

const key = keyTo('/a')
const body = patterned(3 * blockBytes + 100)

/** One answer in a file, and nothing in memory. */
async function keepOne(folder: TestFolder): Promise<{ file: string; size: number }> {
  const store = await openIn(folder)
  keep(store, key, body)
  await store.close()
  const [file] = await folder.files()
  assert.ok(file)
  return { file, size: (await stat(file)).size }
}

function openIn(folder: TestFolder): Promise<Store> {
  return openStore({ ...roomyBounds, diskBytesMax: 2 ** 24 }, { directory: folder.path })
}

test('a file that was cut, anywhere, is not found at the next start and is removed', async () => {
  await using folder = await testFolder()
  const { file, size } = await keepOne(folder)
  const whole = await readFile(file)
  const random = seededRandom(5)
  for (const length of [
    0,
    1,
    31,
    32,
    body.length,
    size - 33,
    size - 1,
    ...Array.from({ length: 10 }, () => random.int(size)),
  ]) {
    await writeFile(file, whole.subarray(0, length))
    const store = await openIn(folder)
    assert.deepEqual(store.find(key), [], `cut to ${length} bytes`)
    await waitForFiles(folder, 0)
    await store.close()
  }
})

test('a flipped bit is found where it is: in what is known at the start, in the body when that is read', async () => {
  await using folder = await testFolder()
  const { file, size } = await keepOne(folder)
  const whole = await readFile(file)
  const random = seededRandom(6)
  for (const place of [
    0,
    body.length - 1,
    body.length,
    size - 1,
    ...Array.from({ length: 20 }, () => random.int(size)),
  ]) {
    const broken = Buffer.from(whole)
    broken[place] = (broken[place] as number) ^ (1 << random.int(8))
    await writeFile(file, broken)
    const store = await openIn(folder)
    const [kept] = store.find(key)
    assert.equal(kept !== undefined, place < body.length)
    if (kept) {
      await assert.rejects(store.read(kept), { code: 'not-found' })
      assert.deepEqual(store.find(key), [], 'an answer whose file is broken is gone')
    }
    await waitForFiles(folder, 0)
    await store.close()
  }
})

test('of a file that breaks while it is read in parts, the whole blocks are given and the broken one is not', async () => {
  await using folder = await testFolder()
  const { file } = await keepOne(folder)
  const broken = await readFile(file)
  broken[2 * blockBytes + 5] = (broken[2 * blockBytes + 5] as number) ^ 1
  await writeFile(file, broken)
  const store = await openIn(folder)
  const [kept] = store.find(key)
  assert.ok(kept)
  const reader = await store.open(kept)
  assert.deepEqual(await reader.read(10, 2 * blockBytes), body.subarray(10, 2 * blockBytes))
  await assert.rejects(reader.read(2 * blockBytes - 1, 2 * blockBytes + 1), { code: 'not-found' })
  await reader.close()
  assert.equal(store.objects, 0)
  await store.close()
})

test('a body that got shorter under a running store rejects, and does not end short', async () => {
  await using folder = await testFolder()
  const { file } = await keepOne(folder)
  const store = await openIn(folder)
  await truncate(file, 1000)
  const [kept] = store.find(key)
  assert.ok(kept)
  await assert.rejects(store.read(kept), { code: 'not-found' })
  await store.close()
})

test('files of others in the folder are left alone', async () => {
  await using folder = await testFolder()
  const { file } = await keepOne(folder)
  const other = file.replace(/[^/]+$/, 'notes.txt')
  await writeFile(other, 'mine')
  const store = await openIn(folder)
  assert.equal(store.objects, 1)
  store.purge({ everything: true })
  await store.close()
  assert.equal(await readFile(other, 'utf8'), 'mine')
})

test('a tail says what was put in, and nothing else reads as one', () => {
  const bytes = fc.uint8Array({ maxLength: 300 })
  fc.assert(
    fc.property(fc.string(), fc.nat(5 * blockBytes), fc.nat(2000), bytes, (text, length, room, noise) => {
      const content = Buffer.alloc(length, 'x')
      const checksums = new BlockChecksums()
      for (let at = 0; at < length; at += 100_003) checksums.add(content.subarray(at, at + 100_003))
      const sums = checksums.finish()
      assert.ok(areWhole(content, 0, sums))
      const head = headOf(`GET https://a.test/${text}`, length, { tags: [text] })
      const { tail, headBytes } = encodeTail(head, sums, room)
      assert.equal(tailBytesOf(tail, length + tail.length), tail.length)
      assert.deepEqual(decodeTail(tail), { head, checksums: sums, headBytes })
      assert.equal(tailBytesOf(tail, length + tail.length + 1), undefined)
      assert.equal(tailBytesOf(Buffer.from(noise), noise.length), undefined)
    }),
    { numRuns: 100 },
  )
})
