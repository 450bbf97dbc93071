// Archives of every kind arrive in pieces of any size and come out as they went in; a damaged one is refused.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import { type TarEntry, TarReader } from './tar-reader.ts'

const long = 'a-name-that-fills-a-good-part-of-a-header-'.repeat(2)

for (const format of ['ustar', 'pax', 'gnu'])
  test(`a ${format} archive is read whole, long names, empty directories and links too`, async (context) => {
    const seed = Date.now() % 1e6
    context.diagnostic(`seed ${seed}`)
    await using dir = await exampleDir()
    const archive = execFileSync('tar', [`--format=${format}`, '-cC', dir.path, '.'])
    for (const piecesMax of [1, 700, 100_000]) {
      const entries = await read(archive, piecesMax, seed)
      assert.equal(entries.get('./empty')?.type, 'directory')
      assert.equal(entries.get('./link')?.type, 'link')
      assert.equal(entries.get('./none')?.content, '')
      assert.equal(entries.get(`./${long}/${long}/file`)?.content, 'deep')
      assert.equal(entries.get('./block')?.content, 'b'.repeat(512))
      assert.equal(entries.get('./big')?.content, 'c'.repeat(70_001))
    }
  })

test('a damaged or cut archive is refused', async () => {
  await using dir = await exampleDir()
  const archive = execFileSync('tar', ['--format=ustar', '-cC', dir.path, 'big'])
  await assert.rejects(read(archive.subarray(0, 60_000), 700, 1), {
    code: 'program-failed',
    message: /inside of an entry/,
  })
  const flipped = Buffer.from(archive)
  flipped.writeUInt8(flipped.readUInt8(2) ^ 1, 2)
  await assert.rejects(read(flipped, 700, 1), { code: 'program-failed', message: /checksum/ })
})

async function read(archive: Buffer, pieceBytesMax: number, seed: number) {
  const random = seededRandom(seed)
  const entries = new Map<string, TarEntry & { content: string }>()
  let current = { name: '', type: 'file', sizeBytes: 0, content: '' } as TarEntry & { content: string }
  const reader = new TarReader({
    begin: async (entry) => {
      current = { ...entry, name: entry.name.replace(/\/$/, ''), content: '' }
    },
    data: async (chunk) => {
      current.content += chunk.toString('latin1')
    },
    finish: async () => {
      assert.equal(current.content.length, current.sizeBytes)
      entries.set(current.name, current)
    },
  })
  for (let at = 0; at < archive.length; ) {
    const length = 1 + random.int(pieceBytesMax)
    await reader.write(archive.subarray(at, at + length))
    at += length
  }
  reader.end()
  return entries
}

async function exampleDir() {
  const path = await mkdtemp(join(tmpdir(), 'tenfold-tar-'))
  await mkdir(join(path, 'empty'))
  await mkdir(join(path, long, long), { recursive: true })
  await writeFile(join(path, long, long, 'file'), 'deep')
  await writeFile(join(path, 'none'), '')
  await writeFile(join(path, 'block'), 'b'.repeat(512))
  await writeFile(join(path, 'big'), 'c'.repeat(70_001))
  await symlink('big', join(path, 'link'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
