// The checker finds what it is for, and lets pass what may be.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { CacheHistory } from './history.ts'

const set = (history: CacheHistory, version: number, work: Promise<void> = Promise.resolve()) =>
  history.record('set', 'key', async () => {
    await work
    return version
  })
const get = (history: CacheHistory, version: number | undefined) => history.record('get', 'key', async () => version)

it('finds a value that comes back after it was replaced or deleted', async () => {
  const history = new CacheHistory()
  await set(history, 1)
  await set(history, 2)
  await get(history, 2)
  assert.deepEqual(history.contradictions(), [])
  await get(history, 1)
  await history.record('delete', 'key', async () => undefined)
  await get(history, undefined)
  assert.equal(history.contradictions().length, 1)
  await get(history, 2)
  assert.equal(history.contradictions().length, 2)
})

it('finds a value from nowhere, and allows both orders of steps that overlap', async () => {
  const history = new CacheHistory()
  const gate = Promise.withResolvers<void>()
  await set(history, 1)
  const slow = set(history, 2, gate.promise)
  await get(history, 2)
  await get(history, 1)
  gate.resolve()
  await slow
  assert.deepEqual(history.contradictions(), [])
  await get(history, 3)
  assert.match(history.contradictions()[0] ?? '', /not yet written/)
})
