// Time that stands still until a test moves it, and waits with limits.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock, systemClock } from './clock.ts'
import { isTenfoldError } from './errors.ts'
import { Semaphore, waitUntil, withTimeout } from './limits.ts'

test('a manual clock wakes sleepers in the order of their time and only when it is moved', async () => {
  const clock = new ManualClock()
  const woken: number[] = []
  for (const ms of [30, 10, 20]) void clock.sleep(ms).then(() => woken.push(ms))
  await clock.advance(5)
  assert.deepEqual(woken, [])
  await clock.advance(20)
  assert.deepEqual(woken, [10, 20])
  assert.equal(clock.now(), 25)
})

test('a sleep ends at once when its signal aborts', async () => {
  const abort = new AbortController()
  const sleeping = systemClock.sleep(60_000, abort.signal)
  abort.abort()
  await sleeping
})

test('waiting for a condition ends with its answer, or with a time-out that names it and its last error', async () => {
  const clock = new ManualClock()
  let asked = 0
  assert.equal(await waitUntil(() => ++asked === 3 && 'yes', { what: 'three', timeoutMs: 1000, intervalMs: 1 }), 'yes')
  const waiting = waitUntil(
    () => {
      throw new Error('not there')
    },
    { what: 'the thing', timeoutMs: 50, intervalMs: 10, clock },
  )
  const outcome = assert.rejects(waiting, (error: unknown) => {
    assert.ok(isTenfoldError(error, 'timeout'))
    assert.match(error.message, /the thing did not happen within 50 ms/)
    assert.equal((error.cause as Error).message, 'not there')
    return true
  })
  await clock.advance(100)
  await outcome
})

test('a time-out names what took too long', async () => {
  await assert.rejects(withTimeout(new Promise(() => {}), 5, 'nothing'), /nothing took longer than 5 ms/)
  assert.equal(await withTimeout(Promise.resolve(1), 1000, 'one'), 1)
})

test('a semaphore lets so many in, so many wait, and refuses the next', async () => {
  const semaphore = new Semaphore(1, 1)
  let release = () => {}
  const first = semaphore.run(() => new Promise<void>((resolve) => (release = resolve)))
  const second = semaphore.run(async () => 'second')
  await assert.rejects(
    semaphore.run(async () => {}),
    (error) => isTenfoldError(error, 'overloaded'),
  )
  release()
  await first
  assert.equal(await second, 'second')
  assert.equal(await semaphore.run(async () => 'third'), 'third')
})
