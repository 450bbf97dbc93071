// What the store costs, in figures for docs/tiers/edge-store.md. Half a minute; nothing depends on it.
//
//     node -C source --expose-gc src/tiers/edge/store/testing/measure.ts

import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../contract.ts'
import { openStore } from '../store.ts'
import { headOf, keep, keyTo, roomyBounds } from './answers.ts'
import { testFolder } from './folder.ts'
import { patterned, stream } from './streamed.ts'

const many = 50_000
const bounds = { ...roomyBounds, memoryBytesMax: 2 ** 31, diskBytesMax: 2 ** 32, objectsMax: 200_000 }
const fields = Array.from({ length: 10 }, (_, i) => [`some-field-${i}`, `value ${i} of a usual length`] as const)

function fill(store: Store, count: number, bytes: number): void {
  const body = patterned(bytes)
  for (let i = 0; i < count; i++) {
    const key = keyTo(`/folder-${i % 100}/answer-${i}?size=large`)
    const writer = store.begin(key, bytes)
    writer?.write(body, 0, bytes)
    // Texts of its own for each, as they come from a server.
    const own = JSON.parse(JSON.stringify(headOf(key, bytes, { fields, tags: [`user-${i % 1000}`, `all`] })))
    writer?.commit(own)
  }
}

function report(what: string, value: string): void {
  console.log(`${what.padEnd(60)} ${value}`)
}

function timed(what: string, count: number, work: () => void): void {
  const start = performance.now()
  work()
  const ms = performance.now() - start
  report(
    what,
    count === 1 ? `${ms.toFixed(1)} ms` : `${((ms / count) * 1000).toFixed(2)} µs each, ${ms.toFixed(0)} ms in all`,
  )
}

const memoryOf = () => {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

{
  const store = await openStore(bounds)
  const before = memoryOf()
  timed(`keep ${many} answers of 1 KiB`, many, () => fill(store, many, 1024))
  const really = memoryOf() - before
  report('memory as counted, and as it is', `${(store.memoryBytes / many) | 0} and ${(really / many) | 0} bytes each`)
  const keys = Array.from({ length: 1000 }, (_, i) => keyTo(`/folder-${i % 100}/answer-${i}?size=large`))
  const rounds = 2000
  timed('find and touch', rounds * keys.length, () => {
    for (let round = 0; round < rounds; round++)
      for (const key of keys) {
        const [kept] = store.find(key)
        if (kept) store.touch(kept)
      }
  })
  timed('purge softly by a prefix that 500 have', 1, () =>
    store.purge({ prefix: 'https://photos.test/folder-7/', soft: true }),
  )
  timed('purge by a tag that 50 have', 1, () => store.purge({ tag: 'user-7' }))
  timed(`purge by a tag that ${store.objects} have`, 1, () => store.purge({ tag: 'all' }))
  await store.close()
}
{
  const store = await openStore({ ...bounds, memoryBytesMax: 20 * 2 ** 20 })
  timed(`keep ${many} answers of 1 KiB where a third has room`, many, () => fill(store, many, 1024))
  await store.close()
}
{
  await using folder = await testFolder()
  const onDisk = 20_000
  const store = await openStore(bounds, { directory: folder.path })
  const cpu = process.cpuUsage()
  const start = performance.now()
  for (let i = 0; i < onDisk; i += 500) {
    for (let j = i; j < i + 500; j++) keep(store, keyTo(`/${j}`), patterned(10_000), { fields })
    while (store.diskBytes < (i + 500) * 12_288) await sleep(1)
  }
  await store.close()
  const { user, system } = process.cpuUsage(cpu)
  report(
    `write ${onDisk} files of 10 KB`,
    `${((onDisk / (performance.now() - start)) * 1000) | 0} per second, ${((user + system) / onDisk) | 0} µs of CPU each`,
  )
  const opened = performance.now()
  const again = await openStore(bounds, { directory: folder.path })
  report(
    'at the next start, until requests are served',
    `${(performance.now() - opened) | 0} ms, ${again.objects} found`,
  )
  while (again.objects < onDisk) await sleep(5)
  report('until all are found', `${(performance.now() - opened) | 0} ms`)
  const read = performance.now()
  for (let i = 0; i < 5000; i += 50)
    await Promise.all(
      Array.from({ length: 50 }, (_, j) => again.find(keyTo(`/${i + j}`))[0]).map((kept) => kept && again.read(kept)),
    )
  report('read 10 KB back', `${((performance.now() - read) / 5) | 0} µs each`)
  timed(`purge everything, ${onDisk} files`, 1, () => again.purge({ everything: true }))
  const removing = performance.now()
  await again.close()
  report('until their files are gone', `${(performance.now() - removing) | 0} ms`)
}
{
  await using folder = await testFolder()
  const large = { ...bounds, memoryBytesMax: 2 ** 26, objectBytesMax: 2 ** 30 }
  const store = await openStore(large, { directory: folder.path })
  const body = patterned(200 * 2 ** 20)
  const key = keyTo('/film')
  const megabytesPerSecond = (since: number) => `${(body.length / 1000 / (performance.now() - since)) | 0} MB/s`
  const writing = performance.now()
  const kept = await stream(store, key, body)
  if (!kept) throw new Error('it was not kept')
  const reader = await store.open(kept)
  report(
    'stream 200 MiB to disk',
    `${megabytesPerSecond(writing)}, ${(store.memoryBytes / 2 ** 20).toFixed(1)} MiB of memory at the end`,
  )
  const reading = performance.now()
  for (let at = 0; at < body.length; at += 2 ** 18) await reader.read(at, at + 2 ** 18)
  report('read it back in pieces of 256 KiB, checked', megabytesPerSecond(reading))
  await reader.close()
  await store.close()
}
