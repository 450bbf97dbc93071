// The suite of locks and rate limits: every engine's test calls it.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import type { Locks, RateLimiter } from './contract.ts'
import type { HoldingProcess } from './testing/holding-process.ts'

export interface LocksConformance {
  /** Two processes' views of one store. */
  open(): Promise<Store>
}

interface Store {
  one: Guards
  two: Guards
  /** A real process that takes the lock and keeps it until it is killed. */
  hold(name: string, holdMs: number): Promise<HoldingProcess>
  close(): Promise<void>
}

interface Guards {
  locks: Locks
  rateLimiter: RateLimiter
}

const waitMs = 15_000

export function locksConformance(name: string, { open }: LocksConformance): void {
  async function withBoth(work: (one: Guards, two: Guards, hold: Store['hold']) => Promise<void>): Promise<void> {
    const { one, two, hold, close } = await open()
    try {
      await work(one, two, hold)
    } finally {
      await close()
    }
  }

  describe(`locks and limits of ${name}`, () => {
    it('a lock has one holder, and each has a higher token than all before', () =>
      withBoth(async (one, two) => {
        let last = 0
        for (let round = 0; round < 20; round++) {
          const [holder, waiter] = round % 2 ? [one, two] : [two, one]
          const lock = await holder.locks.acquire('lock', { holdMs: 10_000 })
          assert.ok(lock)
          assert.equal(await waiter.locks.acquire('lock', { holdMs: 10_000 }), undefined)
          assert.ok(lock.token > last && Number.isSafeInteger(lock.token))
          last = lock.token
          assert.equal(await lock.release(), true)
          assert.equal(await lock.release(), false)
        }
      }))

    it('a holder that is late has lost it to the next, and cannot take it back', () =>
      withBoth(async (one, two) => {
        const late = await one.locks.acquire('late', { holdMs: 100 })
        assert.ok(late)
        const next = await waitUntil(() => two.locks.acquire('late', { holdMs: 10_000 }), {
          what: 'the end of the lock',
          timeoutMs: waitMs,
        })
        assert.ok(next.token > late.token)
        assert.equal(await late.extend(10_000), false)
        assert.equal(await late.release(), false)
        assert.equal(await next.extend(20_000), true)
        assert.equal(await one.locks.acquire('late', { holdMs: 100 }), undefined)
        assert.ok(await one.locks.acquire('another', { holdMs: 100 }))
      }))

    it('of a hundred who ask at once one gets it', () =>
      withBoth(async (one, two) => {
        const asked = Array.from({ length: 100 }, (_, i) =>
          (i % 2 ? one : two).locks.acquire('wanted', { holdMs: 10_000 }),
        )
        assert.equal((await Promise.all(asked)).filter((lock) => lock !== undefined).length, 1)
      }))

    it('of fifty who want it in turn one at a time holds it, and tokens ascend over the holders', () =>
      withBoth(async (one, two) => {
        const history: Array<{ token: number; event: 'got' | 'gives up' }> = []
        const contend = async ({ locks }: Guards) => {
          const mine = await waitUntil(() => locks.acquire('turns', { holdMs: 60_000 }), {
            what: 'a turn',
            timeoutMs: 4 * waitMs,
          })
          history.push({ token: mine.token, event: 'got' })
          await new Promise((resolve) => setImmediate(resolve))
          history.push({ token: mine.token, event: 'gives up' })
          assert.equal(await mine.release(), true)
        }
        await Promise.all(Array.from({ length: 50 }, (_, i) => contend(i % 2 ? one : two)))
        assert.equal(history.length, 100)
        let last = 0
        for (let i = 0; i < history.length; i += 2) {
          const [got, given] = history.slice(i, i + 2)
          assert.ok(got && given && got.event === 'got' && given.event === 'gives up' && got.token === given.token)
          assert.ok(got.token > last, `${got.token} after ${last}`)
          last = got.token
        }
      }))

    it('the lock of a process that was killed goes to the next when its time is over, and not before', () =>
      withBoth(async (one, _, hold) => {
        const holdMs = 1500
        const holder = await hold('inherited', holdMs)
        const takenAtMs = performance.now() // or a little before
        await holder.kill()
        const next = await waitUntil(() => one.locks.acquire('inherited', { holdMs: 10_000 }), {
          what: 'the end of the lock',
          timeoutMs: waitMs,
        })
        assert.ok(next.token > holder.token)
        // The child says that it has the lock after it got it: what is seen here is at least the rest.
        const seenMs = performance.now() - takenAtMs + holder.saidAfterMs
        assert.ok(seenMs >= holdMs, `after ${seenMs} ms of ${holdMs}`)
      }))

    it('many callers at once are never let through more often than the limit says', () =>
      withBoth(async (one, two) => {
        const windowMs = 400
        const limit = 20
        const allowed: Array<{ from: number; to: number }> = []
        const startedMs = performance.now()
        const call = async ({ rateLimiter }: Guards) => {
          while (performance.now() - startedMs < 3 * windowMs) {
            const from = performance.now()
            const { isAllowed } = await rateLimiter.take('crowd', { limit, windowMs })
            if (isAllowed) allowed.push({ from, to: performance.now() })
          }
        }
        await Promise.all(Array.from({ length: 12 }, (_, i) => call(i % 2 ? one : two)))
        assertWithin(allowed, limit, windowMs)
        assert.ok(allowed.length >= limit, `only ${allowed.length}`)
      }))

    it('never lets more than the limit through in any window, from both sides, and gives room back', () =>
      withBoth(async (one, two) => {
        const windowMs = 500
        const limit = 50
        const allowed: Array<{ from: number; to: number }> = []
        const startedMs = performance.now()
        while (performance.now() - startedMs < 3 * windowMs) {
          for (const { rateLimiter } of [one, two]) {
            const from = performance.now()
            const { isAllowed, remaining, retryMs } = await rateLimiter.take('name', { limit, windowMs })
            if (isAllowed) allowed.push({ from, to: performance.now() })
            else assert.ok(remaining === 0 && retryMs > 0 && retryMs <= windowMs * 1.2, `retry in ${retryMs} ms`)
          }
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
        assertWithin(allowed, limit, windowMs)
        assert.ok(allowed.length >= 2 * limit, `only ${allowed.length} in three windows`)
      }))

    it('counts costs, and each name for itself', () =>
      withBoth(async (one, two) => {
        const options = { limit: 10, windowMs: 60_000 }
        assert.deepEqual(await one.rateLimiter.take('a', { ...options, cost: 7 }), {
          isAllowed: true,
          remaining: 3,
          retryMs: 0,
        })
        assert.equal((await two.rateLimiter.take('a', { ...options, cost: 4 })).isAllowed, false)
        assert.equal((await two.rateLimiter.take('a', { ...options, cost: 3 })).isAllowed, true)
        assert.equal((await two.rateLimiter.take('b', options)).remaining, 9)
      }))

    it('counts each window of a name for itself', () =>
      withBoth(async (one, two) => {
        const short = { limit: 5, windowMs: 60_000 }
        const long = { limit: 7, windowMs: 600_000 }
        for (let i = 0; i < 5; i++) {
          assert.equal((await one.rateLimiter.take('both', short)).isAllowed, true)
          assert.equal((await two.rateLimiter.take('both', long)).remaining, 6 - i)
        }
        assert.equal((await two.rateLimiter.take('both', short)).isAllowed, false)
        assert.equal((await one.rateLimiter.take('both', long)).isAllowed, true)
      }))

    it('refuses what can never work', () =>
      withBoth(async (one) => {
        await assert.rejects(one.locks.acquire('lock', { holdMs: 0 }), { code: 'bad-input' })
        for (const name of ['', 'nul \0', 'x'.repeat(600)])
          await assert.rejects(one.locks.acquire(name, { holdMs: 1000 }), { code: 'bad-input' })
        for (const wrong of [
          { limit: 0, windowMs: 1000 },
          { limit: 1, windowMs: 1 },
          { limit: 1, windowMs: 1000, cost: 0.5 },
        ])
          await assert.rejects(one.rateLimiter.take('name', wrong), { code: 'bad-input' })
      }))
  })
}

/** Each was allowed at some moment between the two of its call: only a window that holds both ends for sure counts it. */
function assertWithin(allowed: ReadonlyArray<{ from: number; to: number }>, limit: number, windowMs: number): void {
  for (const { from } of allowed) {
    const inWindow = allowed.filter((other) => other.from >= from && other.to <= from + windowMs)
    assert.ok(inWindow.length <= limit, `${inWindow.length} within ${windowMs} ms`)
  }
}
