// The memory engine: the suite of its tier, and its bound in bytes.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { cacheConformance } from '../../conformance.ts'
import { openMemoryCache } from './engine.ts'
import { sizeOf } from './size.ts'

cacheConformance('memory', { open: async () => openMemoryCache({ bytesMax: 1024 * 1024 }) })

it('stays below its bytes however much is put in, and keeps the newest', () => {
  const engine = openMemoryCache({ bytesMax: 100_000 })
  for (let i = 0; i < 1000; i++) void engine.set(`key:${i}`, 'x'.repeat(1000), 60_000)
  let kept = 0
  for (let i = 0; i < 1000; i++) if (engine.get(`key:${i}`) !== undefined) kept++
  assert.ok(kept >= 40 && kept <= 50, `kept ${kept} values of about 2 kB in 100 kB`)
  assert.notEqual(engine.get('key:999'), undefined)
})

it('drops the older value when a newer one is too large to be kept', () => {
  const engine = openMemoryCache({ bytesMax: 10_000 })
  void engine.set('key', 'small', 60_000)
  void engine.set('key', 'x'.repeat(10_000), 60_000)
  assert.equal(engine.get('key'), undefined)
})

it('counts a value as the worked example says, and ends on circles', () => {
  assert.equal(sizeOf({ id: '7' }), 50)
  const circle: { self?: unknown } = {}
  circle.self = circle
  assert.ok(sizeOf(circle) > 0)
  assert.ok(sizeOf(new Uint8Array(5000)) >= 5000)
})
