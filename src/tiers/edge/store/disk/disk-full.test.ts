// A file system without room: the store goes on, keeps what fits, and writes again when there is room.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ManualClock } from '../../../../base/clock.ts'
import type { TenfoldError } from '../../../../base/errors.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { openStore } from '../store.ts'
import { keep, keyTo, roomyBounds } from '../testing/answers.ts'
import { type TestFolder, testFolder } from '../testing/folder.ts'
import { patterned, stream } from '../testing/streamed.ts'

const mebibyte = 2 ** 20
const bounds = {
  ...roomyBounds,
  memoryBytesMax: 4 * mebibyte,
  diskBytesMax: 64 * mebibyte,
  objectBytesMax: 16 * mebibyte,
}

test('a full disk fails no answer and no purge, is told, gives room up, and is used again when there is room', async (context) => {
  await using folder = await testFolder()
  using disk = mountDisk(context, folder, 12)
  if (!disk) return
  const clock = new ManualClock()
  const troubles: TenfoldError[] = []
  const store = await openStore(bounds, { directory: folder.path, clock, onTrouble: (error) => troubles.push(error) })
  const sizes = (i: number) => (i % 3 === 0 ? 2 * mebibyte : 100_000)
  let bytesBefore = 0
  for (let i = 0; i < 60 && troubles.length === 0; i++) {
    bytesBefore = store.diskBytes
    await stream(store, keyTo(`/${i}`), patterned(sizes(i), i))
    await waitUntil(() => store.diskBytes > bytesBefore || troubles.length > 0, {
      what: 'the file',
      timeoutMs: 5000,
      intervalMs: 1,
    })
  }
  await waitUntil(() => troubles.length > 0, { what: 'the trouble', timeoutMs: 5000 })
  assert.deepEqual(
    troubles.map(({ code }) => code),
    ['disk-full'],
  )
  assert.ok(store.diskBytes < 12 * mebibyte)
  for (let i = 0; i < 60; i++)
    for (const kept of [...store.find(keyTo(`/${i}`))]) {
      const reader = await store.open(kept)
      assert.deepEqual(await reader.read(0, kept.head.bytes), patterned(sizes(i), i))
      await reader.close()
    }

  const ballast = join(folder.path, 'ballast')
  await fill(ballast)
  keep(store, keyTo('/in memory'), 'x')
  assert.equal(store.begin(keyTo('/large'), 2 * mebibyte), undefined, 'nothing is written for a while')
  const found = store.objects
  assert.equal(store.purge({ everything: true }), found)
  await waitUntil(async () => (await folder.files()).length === 0, { what: 'the files to go', timeoutMs: 5000 })
  await rm(ballast)
  await clock.advance(60_000)
  assert.ok(await stream(store, keyTo('/again'), patterned(2 * mebibyte)))
  await store.close()
  const again = await openStore(bounds, { directory: folder.path })
  assert.equal(again.objects, 1)
  await again.close()
})

/** A file system of its own, in memory. Undefined where none can be had, which a CI run does not let pass. */
function mountDisk(context: TestContext, folder: TestFolder, sizeMiB: number): Disposable | undefined {
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const run = (...words: string[]) => {
    const [program, ...rest] = [...asRoot, ...words] as [string, ...string[]]
    execFileSync(program, rest, { stdio: 'pipe' })
  }
  try {
    const ids = `uid=${process.getuid?.()},gid=${process.getgid?.()}`
    run('mount', '-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=0711,${ids}`, 'tmpfs', folder.path)
  } catch (error) {
    if (process.env['CI'] === 'true') throw error
    context.skip('no file system can be mounted here: not root, and no sudo without a password')
    return undefined
  }
  return { [Symbol.dispose]: () => run('umount', '-l', folder.path) }
}

async function fill(path: string): Promise<void> {
  await using file = await open(path, 'w')
  const piece = Buffer.alloc(64 * 1024)
  try {
    for (;;) if ((await file.write(piece)).bytesWritten < piece.length) break
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  }
}
