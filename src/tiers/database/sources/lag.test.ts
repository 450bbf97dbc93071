// Lag in time, from what was seen of the primary.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PrimaryHistory } from './lag.ts'

test('the worked example', () => {
  const history = new PrimaryHistory(0)
  for (const [lsn, atMs] of [
    [100n, 1000],
    [200n, 1500],
    [200n, 2000],
    [300n, 2500],
  ] as const)
    history.note(lsn, atMs)
  assert.deepEqual(
    [history.lagMsOf(250n), history.lagMsOf(150n), history.lagMsOf(99n)],
    [500, 1500, Number.POSITIVE_INFINITY],
  )
  assert.deepEqual([history.lagMsOf(300n), history.lagBytesOf(250n), history.lagBytesOf(400n)], [0, 50, 0])
})

test('an idle primary leaves nobody behind, and one that cannot be asked makes nobody older', () => {
  const history = new PrimaryHistory(1000)
  history.note(100n, 0)
  history.note(200n, 500)
  assert.equal(history.lagMsOf(100n), 500, 'however late it is by now')
  assert.equal(history.lagMsOf(200n), 0)
  assert.equal(new PrimaryHistory(1000).lagMsOf(5n), Number.POSITIVE_INFINITY, 'nothing is known yet')
})

test('the lag is never too small, and too large by at most a bound of precision', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 40 })), {
    minLength: 1,
    maxLength: 400,
  })
  fc.assert(
    fc.property(steps, fc.nat(), (steps, pick) => {
      const bound = 640
      const history = new PrimaryHistory(bound)
      const seen: Array<{ lsn: bigint; atMs: number }> = []
      let lsn = 1n
      let atMs = 0
      for (const [bytes, ms] of steps) {
        lsn += BigInt(bytes)
        atMs += ms
        history.note(lsn, atMs)
        seen.push({ lsn, atMs })
      }
      const replica = seen[pick % seen.length]?.lsn as bigint
      const passed = seen.findLast((sighting) => sighting.lsn <= replica)?.atMs as number
      const exact = replica >= lsn ? 0 : atMs - passed
      const lag = history.lagMsOf(replica)
      assert.ok(lag >= exact, `${lag} < ${exact}`)
      if (exact <= bound) assert.ok(lag <= exact + bound / 64 + 40, `${lag} > ${exact}`)
    }),
  )
})
