// The policies of the books beside their definitions, and what each is for.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../../../base/random.ts'
import { FrequencySketch } from './frequency.ts'
import { Ghosts } from './ghosts.ts'
import type { Place } from './place-queue.ts'
import { type EvictionName, evictions } from './policies.ts'

const placeOf = (hash: number, bytes = 1): Place => {
  return { hash, bytes, hits: 0, queue: undefined, newer: undefined, older: undefined }
}

/** Hit ratio of a policy over keys. */
function run(name: EvictionName, room: number, keys: Iterable<number>): number {
  const eviction = evictions[name](room)
  const places = new Map<number, Place>()
  let [hits, count] = [0, 0]
  for (const key of keys) {
    count++
    const place = places.get(key)
    if (place) {
      hits++
      eviction.touch(place)
      continue
    }
    const added = placeOf((Math.imul(key + 1, 0x9e3779b1) >>> 1) | 0)
    places.set(key, added)
    eviction.add(added)
    while (eviction.bytes > room) {
      const evicted = eviction.evict()
      for (const [other, each] of evicted ? places : []) if (each === evicted) places.delete(other)
    }
  }
  return hits / count
}

interface Known {
  key: number
  addedAt: number
  askedAt: number
  hits: number
}

/** Who has to go, by definition: the first in this order. */
const definitions: Partial<Record<EvictionName, (a: Known, b: Known) => number>> = {
  fifo: (a, b) => a.addedAt - b.addedAt,
  lru: (a, b) => a.askedAt - b.askedAt,
  lfu: (a, b) => a.hits - b.hits || a.askedAt - b.askedAt,
}

for (const [name, order] of Object.entries(definitions))
  it(`${name} evicts whom its definition says`, () => {
    const step = fc.record({ key: fc.nat(12), isRemoved: fc.integer({ min: 0, max: 9 }).map((n) => n === 0) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const eviction = evictions[name as EvictionName](5)
        const places = new Map<number, Place>()
        const known = new Map<number, Known>()
        for (const [at, { key, isRemoved }] of steps.entries()) {
          const place = places.get(key)
          const each = known.get(key)
          if (place && each && isRemoved) {
            eviction.remove(place)
            places.delete(key)
            known.delete(key)
          } else if (place && each) {
            eviction.touch(place)
            each.askedAt = at
            each.hits++
          } else {
            if (eviction.bytes === 5) {
              const gone = [...known.values()].sort(order)[0] as Known
              assert.equal(eviction.evict()?.hash, gone.key)
              places.delete(gone.key)
              known.delete(gone.key)
            }
            const added = placeOf(key)
            places.set(key, added)
            known.set(key, { key, addedAt: at, askedAt: at, hits: 0 })
            eviction.add(added)
          }
          assert.equal(eviction.bytes, known.size)
          assert.equal(eviction.count, known.size)
        }
      }),
      { numRuns: 300 },
    )
  })

function* loop(length: number, count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i % length
}

it('a loop larger than the room: orders of age hit nothing, the default nearly what is possible', () => {
  assert.equal(run('lru', 100, loop(200, 40_000)), 0)
  assert.equal(run('s3-fifo', 100, loop(200, 40_000)), 0)
  const adaptive = run('adaptive', 100, loop(200, 40_000))
  assert.ok(adaptive > 0.8 * 0.5, `${adaptive} of 0.5`)
})

it('the default leaves the guard again when what is new matters', () => {
  function* keys() {
    yield* loop(200, 20_000)
    // A window that moves on: each key is asked for a few times, and never again.
    for (let i = 0; i < 40_000; i++) yield 1000 + Math.floor(i / 8) - (i % 8) * 5
  }
  const both = run('adaptive', 100, keys())
  const loopOnly = run('adaptive', 100, loop(200, 20_000))
  const windowHits = (both * 60_000 - loopOnly * 20_000) / 40_000
  assert.ok(windowHits > 0.8, `${windowHits}`)
})

it('a scan passes through the default and takes what is popular from LRU', () => {
  function* keys() {
    const random = seededRandom(1)
    for (let i = 0; i < 60_000; i++) yield i % 2 === 0 ? Math.floor(random.next() ** 3 * 300) : 1000 + i
  }
  const [lru, adaptive] = [run('lru', 100, keys()), run('adaptive', 100, keys())]
  assert.ok(adaptive > lru * 1.15, `${adaptive} beside ${lru}`)
})

it('ghosts are forgotten oldest first, by bytes, and are ghosts once', () => {
  const ghosts = new Ghosts()
  for (let hash = 0; hash < 1000; hash++) ghosts.add(placeOf(hash, 10), 500)
  assert.equal(ghosts.take(949), false)
  assert.equal(ghosts.take(950), true)
  assert.equal(ghosts.take(950), false)
  ghosts.add(placeOf(950, 10), 500)
  assert.equal(ghosts.take(950), true)
})

it('frequencies are never below the truth of lately, fade, and survive growth', () => {
  const sketch = new FrequencySketch()
  for (let i = 0; i < 5; i++) sketch.add(42, 1)
  assert.ok(sketch.of(42) >= 5)
  sketch.add(7, 10_000)
  assert.ok(sketch.of(42) >= 5, 'after growth')
  for (let i = 0; i < 500_000; i++) sketch.add(1000 + i, 1000)
  assert.ok(sketch.of(42) < 5, 'faded')
})
