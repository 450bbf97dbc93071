// The cache as a whole, summed up from what real caches of two processes tell.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openMemoryCache } from '../tiers/cache/engines/memory/engine.ts'
import { keptOf } from '../tiers/cache/testing/kept.ts'
import { summaryOf } from './cache.ts'

it('weighs what each process tells by how much it is asked', () => {
  const [busy, idle] = [openMemoryCache({ bytesMax: 100_000 }), openMemoryCache({ bytesMax: 100_000 })]
  const ask = (cache: typeof busy, key: string, times: number) => {
    for (let i = 0; i < times; i++)
      if (cache.peek(key) === undefined && !cache.get(key)) cache.set(key, keptOf(1), 60_000)
  }
  ask(busy, 'photo:1', 600)
  ask(busy, 'user:1', 300)
  ask(idle, 'user:1', 100)
  const waiting = { name: 'score', waiting: 3, failing: 1, oldestMs: 50 }
  const reports = [busy, idle].map((cache) => ({ near: cache.insight(), far: null, writeBack: [waiting] }))
  const { names, hitRatio, hotKeys, writeBack } = summaryOf(reports)
  assert.deepEqual(writeBack, [waiting], 'what all count is counted once')
  assert.deepEqual(
    names.map(({ name, asked, values }) => [name, asked, values]),
    [
      ['photo', 600, 1],
      ['user', 400, 2],
    ],
  )
  assert.equal(hitRatio, 0.997)
  assert.deepEqual(
    hotKeys.map(({ key, share }) => [key, Math.round(share * 1000)]),
    [
      ['photo:1', 600],
      ['user:1', 400],
    ],
  )
  for (const cache of [busy, idle]) void cache.close()
})
