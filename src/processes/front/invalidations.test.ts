// Changes that one front saw are told to the others in batches that their doors take.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Invalidations } from './invalidations.ts'

test('URLs are told in batches that a door takes, each once', async () => {
  const batches: string[][] = []
  const invalidations = new Invalidations(async (urls) => void batches.push(urls))
  await invalidations.start()
  const urls = Array.from({ length: 100 }, (_, i) => `https://app.example/${i}/${'"x'.repeat(1_500)}`)
  for (const url of [...urls, ...urls]) invalidations.add(url)
  await invalidations.stop()
  assert.deepEqual(batches.flat(), urls)
  assert.ok(batches.length < 20, `${batches.length} batches`)
  for (const batch of batches) assert.ok(JSON.stringify({ urls: batch }).length < 64 * 1024)
})
