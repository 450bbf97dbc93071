// The suite of locks and rate limits: every engine's test calls it.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import type { Locks, RateLimiter } from './contract.ts'

export interface LocksConformance {
  /** Two processes' views of one store. */
  open(): Promise<{ one: Guards; two: Guards; close(): Promise<void> }>
}

interface Guards {
  locks: Locks
  rateLimiter: RateLimiter
}

const waitMs = 5000

export function locksConformance(name: string, { open }: LocksConformance): void {
  async function withBoth(work: (one: Guards, two: Guards) => Promise<void>): Promise<void> {
    const { one, two, close } = await open()
    try {
      await work(one, two)
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

    it('never lets more than the limit through in any window, from both sides, and gives room back', () =>
      withBoth(async (one, two) => {
        const windowMs = 500
        const limit = 50
        // Allowed between the moments before and after the call: a window that holds both ends for sure is counted.
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
        for (const { from } of allowed) {
          const inWindow = allowed.filter((other) => other.from >= from && other.to <= from + windowMs)
          assert.ok(inWindow.length <= limit, `${inWindow.length} within ${windowMs} ms`)
        }
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

    it('refuses what can never work', () =>
      withBoth(async (one) => {
        await assert.rejects(one.locks.acquire('lock', { holdMs: 0 }), { code: 'bad-input' })
        for (const wrong of [
          { limit: 0, windowMs: 1000 },
          { limit: 1, windowMs: 1 },
          { limit: 1, windowMs: 1000, cost: 0.5 },
        ])
          await assert.rejects(one.rateLimiter.take('name', wrong), { code: 'bad-input' })
      }))
  })
}
