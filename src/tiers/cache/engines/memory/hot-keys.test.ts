// Hot keys: what the sketch promises about any stream, what the engine tells it, and that hot keys stay in the cache.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../../base/random.ts'
import { keptOf } from '../../testing/kept.ts'
import { openMemoryCache } from './engine.ts'
import { HotKeys } from './hot-keys.ts'

it('counts no key below the truth or above it by more than its error, and has each that is above its share', () => {
  // Few of 400 keys come often, so that most counters are taken over again and again.
  const stream = fc.array(fc.tuple(fc.oneof(fc.nat(5), fc.nat(400)), fc.integer({ min: 1, max: 3 })), {
    maxLength: 3000,
  })
  fc.assert(
    fc.property(stream, (requests) => {
      const hot = new HotKeys(seededRandom(1))
      const truth = new Map<string, number>()
      let total = 0
      for (const [n, weight] of requests) {
        hot.add(`key:${n}`, weight)
        truth.set(`key:${n}`, (truth.get(`key:${n}`) ?? 0) + weight)
        total += weight
      }
      const found = hot.hottest()
      for (const { key, share, errorMax } of found) {
        const asked = truth.get(key) ?? 0
        assert.ok(share * total >= asked - 1e-6 && (share - errorMax) * total <= asked + 1e-6, key)
      }
      // One that has twice its share has it for certain: an error is at most one share.
      for (const [key, asked] of truth)
        if (asked > (2 * total) / 128 && found.length < 20)
          assert.ok(
            found.some((each) => each.key === key),
            key,
          )
    }),
    { numRuns: 100 },
  )
})

it('of a sample, knows the shares of hot keys among many others about as well', () => {
  const hot = new HotKeys(seededRandom(3))
  const requests = 400_000
  // Every 16th is one key, which a sample in steps would miss or take for all; another is told with its hits when it left.
  for (let i = 0; i < requests; i++) {
    if (i % 16 === 0) hot.tell('sixteenth', 1)
    else if (i % 1024 === 1) hot.tell('left', 16)
    else hot.tell(`other:${i}`, 1)
  }
  const found = hot.hottest()
  assert.deepEqual(found.map(({ key }) => key).toSorted(), ['left', 'sixteenth'])
  for (const [key, share] of [
    ['sixteenth', 1 / 16],
    ['left', 1 / 64],
  ] as const) {
    const own = found.find((each) => each.key === key)
    assert.ok(own && own.share > share * 0.9 && own.share - own.errorMax < share * 1.1, `${key}: ${own?.share}`)
  }
})

it('the engine finds the hottest keys among its hits and its misses, and keeps those that it can', () => {
  const random = seededRandom(7)
  const engine = openMemoryCache({ bytesMax: 100_000 })
  const asked = new Map<string, { asked: number; found: number }>()
  const ask = (key: string) => {
    const own = asked.get(key) ?? { asked: 0, found: 0 }
    asked.set(key, own)
    own.asked++
    if (engine.peek(key) !== undefined) own.found++
    else if (engine.get(key) === undefined && !key.startsWith('gone:')) engine.set(key, keptOf('x'.repeat(400)), 60_000)
  }
  // A tenth for three hot keys, a tenth for one that is never kept, the rest a scan that is many times the room.
  for (let i = 0; i < 60_000; i++) {
    const kind = random.int(10)
    if (kind === 0) ask(`hot:${random.int(3)}`)
    else if (kind === 1) ask('gone:1')
    else ask(`scan:${i}`)
  }
  const { hotKeys } = engine.insight()
  assert.deepEqual(hotKeys.map(({ key }) => key).toSorted(), ['gone:1', 'hot:0', 'hot:1', 'hot:2'])
  const [first] = hotKeys
  assert.ok(
    first && first.key === 'gone:1' && Math.abs(first.share - first.errorMax / 2 - 0.1) < 0.02,
    `${first?.share}`,
  )
  for (const [key, { asked: all, found }] of asked)
    if (key.startsWith('hot:')) assert.ok(found / all > 0.95, `${key}: ${found} of ${all}`)
  void engine.close()
})
