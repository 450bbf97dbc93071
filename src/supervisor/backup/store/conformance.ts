// What every store of backups promises (contract.ts), as tests that each engine's test file runs on the real thing.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { readWhole } from './content.ts'
import type { BackupStore } from './contract.ts'

export interface StoreUnderTest {
  /** The same place each time. */
  open(): BackupStore
  /** How many objects, drafts or parts there are that no reader sees. */
  countLeftovers(): Promise<number>
}

/** More than two parts of an upload in parts. */
const largeBytes = 20 * 1024 * 1024 + 17

export function testStore(engine: string, subject: () => StoreUnderTest): void {
  const open = () => subject().open()

  test(`${engine}: what was put is got, also by another instance, and replaced whole`, async () => {
    const [store, other] = [open(), open()]
    await store.put('a/first.json', Buffer.from('one'))
    assert.equal(String(await readWhole(other, 'a/first.json')), 'one')
    await other.put('a/first.json', Buffer.from('another, longer one'))
    assert.equal(String(await readWhole(store, 'a/first.json')), 'another, longer one')
    await store.put('a/empty', Buffer.alloc(0))
    assert.equal((await readWhole(store, 'a/empty')).length, 0)
  })

  test(`${engine}: a stream of many pieces arrives as it was, and its length is told`, async () => {
    const content = randomBytes(largeBytes)
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < content.length; at += 300_001) {
        await setImmediate()
        yield content.subarray(at, at + 300_001)
      }
    }
    const store = open()
    assert.equal(await store.putStream('large/content', pieces()), largeBytes)
    assert.ok((await readWhole(store, 'large/content')).equals(content))
    assert.deepEqual(await store.list('large/'), [{ name: 'large/content', sizeBytes: largeBytes }])
  })

  test(`${engine}: a stream of nothing is an empty object`, async () => {
    const store = open()
    assert.equal(await store.putStream('nothing', none()), 0)
    assert.deepEqual(await store.list('nothing'), [{ name: 'nothing', sizeBytes: 0 }])
  })

  test(`${engine}: a stream that breaks off leaves what was there before, and its own error`, async () => {
    const store = open()
    await store.put('kept', Buffer.from('before'))
    const broken = new Error('the source died')
    async function* pieces(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(9 * 1024 * 1024)
      throw broken
    }
    await assert.rejects(store.putStream('kept', pieces()), (error) => error === broken)
    await assert.rejects(store.putStream('never', pieces()), (error) => error === broken)
    assert.equal(String(await readWhole(store, 'kept')), 'before')
    assert.deepEqual(await store.list('never'), [])
    assert.equal(await subject().countLeftovers(), 0)
  })

  test(`${engine}: what is not there is not-found, and deleting it is fine`, async () => {
    const store = open()
    await assert.rejects(readWhole(store, 'no/such'), { code: 'not-found' })
    await store.delete('no/such')
    await store.put('gone', Buffer.from('x'))
    await store.delete('gone')
    await store.delete('gone')
    await assert.rejects(readWhole(store, 'gone'), { code: 'not-found' })
  })

  test(`${engine}: a list has all names with the prefix, in order, and no others`, async () => {
    const store = open()
    const names = Array.from({ length: 25 }, (_, at) => `list/wal/${String((at * 7) % 25).padStart(3, '0')}.zst`)
    for (const name of names) await store.put(name, Buffer.from(name))
    await store.put('list/wall', Buffer.from('x'))
    const found = await store.list('list/wal/')
    assert.deepEqual(
      found.map(({ name }) => name),
      [...names].sort(),
    )
    assert.deepEqual(
      (await store.list('list/wal/01')).map(({ name }) => name),
      Array.from({ length: 10 }, (_, at) => `list/wal/01${at}.zst`),
    )
    assert.deepEqual(await store.list('nowhere/'), [])
  })

  test(`${engine}: writers of one name at once leave one of their contents, whole`, async () => {
    const contents = Array.from({ length: 8 }, (_, at) => Buffer.alloc(50_000, at))
    await Promise.all(contents.map((content) => open().put('contended', content)))
    const left = await readWhole(open(), 'contended')
    assert.ok(contents.some((content) => content.equals(left)))
  })

  test(`${engine}: no name leads out of the store`, async () => {
    const store = open()
    for (const name of ['../outside', 'a/../../b', '/etc/passwd', '', 'a//b', '.hidden', 'with space', 'a\0b'])
      await assert.rejects(store.put(name, Buffer.from('x')), { code: 'bad-input' })
  })

  test(`${engine}: a sweep leaves what is whole`, async () => {
    const store = open()
    await store.put('swept/kept', Buffer.from('x'))
    await store.sweep(Date.now() + 1000)
    assert.equal(String(await readWhole(store, 'swept/kept')), 'x')
  })
}

async function* none(): AsyncGenerator<Buffer> {}
