// Eviction: what is asked for stays, whatever passes by.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LRUCache } from 'lru-cache'
import { seededRandom } from '../../../base/random.ts'
import { Place, S3Fifo } from './s3-fifo.ts'

const room = 1000

class Cache {
  readonly #queues = new S3Fifo<string>()
  readonly #places = new Map<string, Place<string>>()
  hits = 0

  get size(): number {
    return this.#places.size
  }

  ask(key: string): void {
    const place = this.#places.get(key)
    if (place) {
      this.hits++
      this.#queues.touch(place)
      return
    }
    while (this.#queues.bytes >= room) this.#places.delete(this.#queues.evict(room)?.key as string)
    const added = new Place(key, key, 1)
    this.#places.set(key, added)
    this.#queues.add(added)
    assert.equal(this.#queues.count, this.#places.size)
  }
}

/** Zipf with exponent 1 over so many keys, by inverting its distribution. */
function zipf(keys: number, seed: number): () => string {
  const random = seededRandom(seed)
  const sums: number[] = []
  for (let i = 1; i <= keys; i++) sums.push((sums.at(-1) ?? 0) + 1 / i)
  return () => {
    const point = random.next() * (sums.at(-1) as number)
    let low = 0
    for (let high = keys - 1; low < high; ) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) < point) low = middle + 1
      else high = middle
    }
    return String(low)
  }
}

for (const { name, scanShare, atLeast } of [
  { name: 'requests of many', scanShare: 0, atLeast: 1.05 },
  { name: 'a crawler among them', scanShare: 0.5, atLeast: 1.15 },
])
  test(`it hits at least ${atLeast} times as often as LRU does, with ${name}`, () => {
    const next = zipf(20_000, 7)
    const random = seededRandom(11)
    const cache = new Cache()
    const lru = new LRUCache<string, true>({ max: room })
    let lruHits = 0
    let requests = 0
    for (let i = 0; i < 200_000; i++) {
      const isScan = random.next() < scanShare
      const key = isScan ? `scan ${i}` : next()
      if (!isScan) requests++
      cache.ask(key)
      if (lru.get(key)) lruHits++
      else lru.set(key, true)
    }
    assert.ok(cache.hits >= atLeast * lruHits, `${cache.hits} to ${lruHits} of ${requests}`)
    assert.equal(cache.size, room)
  })

test('a scan of any length leaves what was asked for twice', () => {
  const cache = new Cache()
  const popular = Array.from({ length: room / 2 }, (_, i) => `popular ${i}`)
  for (let round = 0; round < 3; round++) for (const key of popular) cache.ask(key)
  for (let i = 0; i < 100 * room; i++) cache.ask(`scan ${i}`)
  const before = cache.hits
  for (const key of popular) cache.ask(key)
  assert.equal(cache.hits - before, popular.length)
})

test('what comes back soon after it was thrown out goes to the main queue', () => {
  const cache = new Cache()
  for (let i = 0; i < room; i++) cache.ask(`filler ${i}`)
  cache.ask('wanted')
  for (let i = 0; i < room; i++) cache.ask(`more ${i}`)
  cache.ask('wanted')
  assert.equal(cache.hits, 0)
  for (let i = 0; i < 10 * room; i++) cache.ask(`scan ${i}`)
  cache.ask('wanted')
  assert.equal(cache.hits, 1)
})

test('whatever is done to it, its counts are those of what is in it', () => {
  const random = seededRandom(3)
  const queues = new S3Fifo<number>()
  const places = new Set<Place<number>>()
  for (let i = 0; i < 20_000; i++) {
    const place = random.pick([...places, undefined])
    const what = random.int(6)
    if (what === 0 && place) queues.touch(place)
    else if (what === 1 && place) queues.resize(place, random.int(50))
    else if (what === 2 && place) {
      queues.remove(place)
      queues.remove(place)
      places.delete(place)
    } else if (places.size < 50) {
      const added = new Place(i, String(i % 100), random.int(50))
      if (what === 3) queues.addOldest(added)
      else queues.add(added)
      places.add(added)
    }
    while (queues.bytes > 500) places.delete(queues.evict(500) as Place<number>)
    assert.equal(queues.count, places.size)
    assert.equal(
      queues.bytes,
      [...places].reduce((sum, { bytes }) => sum + bytes, 0),
    )
  }
  while (places.size > 0) places.delete(queues.evict(500) as Place<number>)
  assert.deepEqual([queues.evict(500), queues.bytes, queues.count], [undefined, 0, 0])
})
