// The sketch beside distances that are counted whole.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { seededRandom } from '../../../../base/random.ts'
import { Lru } from './eviction/lru.ts'
import type { Place } from './eviction/place-queue.ts'
import { hashKey } from './key-hash.ts'
import { ReuseSketch } from './reuse.ts'

const bytes = 10

/** Hits of a cache by age, counted by running one. */
function hitRatio(requests: readonly number[], room: number): number {
  const lru = new Lru()
  const places = new Map<number, Place>()
  let hits = 0
  for (const hash of requests) {
    const place = places.get(hash)
    if (place) {
      hits++
      lru.touch(place)
    } else {
      const added: Place = { hash, bytes, hits: 0, queue: undefined, newer: undefined, older: undefined }
      places.set(hash, added)
      lru.add(added)
      if (lru.bytes > room) places.delete(lru.evict()?.hash ?? -1)
    }
  }
  return hits / requests.length
}

for (const { keys, within } of [
  { keys: 2000, within: 0.01 },
  { keys: 60_000, within: 0.05 },
])
  it(`is within ${within} of the truth at every size, of ${keys} keys`, () => {
    const random = seededRandom(3)
    // Some keys far more often than others: the square of what is even.
    const requests = Array.from({ length: 200_000 }, () => hashKey(`key:${Math.floor(random.next() ** 2 * keys)}`, 5))
    const room = (keys * bytes) / 4
    let now = 0
    const sketch = new ReuseSketch(room, () => (now += 1000))
    for (const hash of requests) if (hash < sketch.below) sketch.record(hash, bytes)
    for (const point of sketch.curve().filter((_, i) => i % 4 === 3)) {
      const truth = hitRatio(requests, point.bytes)
      assert.ok(Math.abs(point.hitRatio - truth) < within, `${point.bytes} bytes: ${point.hitRatio}, truly ${truth}`)
    }
    const distinct = new Set(requests).size * bytes
    assert.ok(Math.abs(sketch.workingSetBytes / distinct - 1) < 0.1, `${sketch.workingSetBytes} of ${distinct}`)
  })

it('follows fewer keys when there are many requests, and more again when there are few', () => {
  let now = 0
  let msPerCheck = 1
  const sketch = new ReuseSketch(1_000_000, () => (now += msPerCheck))
  const ask = () => {
    for (let i = 0; i < 400_000; i++) {
      const hash = hashKey(`key:${i % 1000}`, 5)
      if (hash < sketch.below) sketch.record(hash, bytes)
    }
  }
  ask()
  const hurried = sketch.below
  msPerCheck = 10_000
  ask()
  assert.ok(hurried < 2 ** 31 / 16, `${hurried}`)
  assert.ok(sketch.below > 4 * hurried, `${sketch.below}`)
})
