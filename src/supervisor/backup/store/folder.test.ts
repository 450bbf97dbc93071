// The folder keeps what every store promises, and what a directory adds: modes, drafts of writers that were killed.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testStore } from './conformance.ts'
import { FolderStore } from './folder.ts'

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tenfold-store-'))
})
after(() => rm(dir, { recursive: true, force: true }))

const filesOf = async () =>
  (await readdir(dir, { withFileTypes: true, recursive: true })).filter((entry) => entry.isFile())

testStore('folder', () => ({
  open: () => new FolderStore(join(dir, 'store')),
  countLeftovers: async () => (await filesOf()).filter(({ name }) => name.includes('draft')).length,
}))

test('nobody but us can read a backup', async () => {
  const store = new FolderStore(join(dir, 'own/deep'))
  await store.put('a/b/c', Buffer.from('secret'))
  for (const path of ['own/deep', 'own/deep/a', 'own/deep/a/b'])
    assert.equal((await stat(join(dir, path))).mode & 0o777, 0o700)
  assert.equal((await stat(join(dir, 'own/deep/a/b/c'))).mode & 0o777, 0o600)
})

test('the draft of a writer that was killed is no object, and a sweep removes it', async () => {
  const place = join(dir, 'killed')
  await mkdir(place)
  await writeFile(join(place, 'content.draft-4711-1'), 'half')
  const store = new FolderStore(place)
  assert.deepEqual(await store.list(''), [])
  await store.sweep(Date.now() - 60_000)
  assert.deepEqual(await readdir(place), ['content.draft-4711-1'], 'a young one may still be written')
  await store.sweep(Date.now() + 60_000)
  assert.deepEqual(await readdir(place), [])
})

test('a place that cannot be a directory is told, not crashed on', async () => {
  const file = join(dir, 'file')
  await writeFile(file, '')
  await assert.rejects(new FolderStore(join(file, 'below')).put('a', Buffer.from('x')), { code: 'unavailable' })
})
