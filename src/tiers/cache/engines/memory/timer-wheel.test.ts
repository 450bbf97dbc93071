// The wheel beside a list that is walked through: nothing early, nothing later than a tick, nothing lost.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { keptOf } from '../../testing/kept.ts'
import { Entry } from './entry.ts'
import { HitTable } from './hit-table.ts'
import { CountsByName } from './name-counts.ts'
import { TimerWheel, tickMs } from './timer-wheel.ts'

const entryOf = (name: string) => new Entry(new HitTable(), name, 1, 1, keptOf(1), new CountsByName().of(name), 0)

it('ends each entry within a tick after its time, over any steps, moved and taken out ones included', () => {
  const hour = 3_600_000
  const step = fc.oneof(
    fc.record({
      do: fc.constant('add' as const),
      key: fc.nat(9),
      ttl: fc.oneof(fc.nat(2000), fc.nat(hour), fc.nat(600 * hour)),
    }),
    fc.record({ do: fc.constant('remove' as const), key: fc.nat(9) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(fc.nat(50), fc.nat(5000), fc.nat(700 * hour)) }),
    fc.constant({ do: 'next' as const }),
  )
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.array(step, { maxLength: 80 }), (start, steps) => {
      let now = start
      const wheel = new TimerWheel(now)
      const entries = Array.from({ length: 10 }, (_, i) => entryOf(String(i)))
      const ends = new Map<Entry, number>()
      const advance = () =>
        wheel.advance(now, (entry) => {
          assert.ok(now >= (ends.get(entry) ?? Number.POSITIVE_INFINITY), 'not before its time, and not when taken out')
          ends.delete(entry)
        })
      for (const next of steps) {
        if (next.do === 'wait') {
          now += next.ms
          advance()
        } else if (next.do === 'next') {
          const wakeMs = wheel.nextMs
          assert.equal(wakeMs === undefined, ends.size === 0)
          if (wakeMs === undefined) continue
          assert.ok(wakeMs <= Math.min(...ends.values()) + tickMs, 'woken in time for the first')
          now = Math.max(now, wakeMs)
          advance()
        } else {
          const entry = entries[next.key] as Entry
          if (next.do === 'add') {
            wheel.add(entry, now + next.ttl)
            ends.set(entry, now + next.ttl)
          } else {
            wheel.remove(entry)
            ends.delete(entry)
          }
        }
        assert.equal(wheel.count, ends.size)
        if (next.do === 'wait' || next.do === 'next')
          for (const end of ends.values()) assert.ok(end > now - 2 * tickMs, 'ended in time')
      }
    }),
    { numRuns: 500 },
  )
})

it('wakes for the ends of a day no more often than there are levels', () => {
  const wheel = new TimerWheel(0)
  wheel.add(entryOf('a'), 24 * 3_600_000)
  let wakes = 0
  for (let next = wheel.nextMs; next !== undefined; next = wheel.nextMs) {
    wheel.advance(next, () => {})
    assert.ok(++wakes <= 5)
  }
  assert.equal(wheel.count, 0)
})
