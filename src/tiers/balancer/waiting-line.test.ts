// Who waits for a server: order, bounds, leaving.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { TimerWheel } from '../../net/http1/timer-wheel.ts'
import { WaitingLine } from './waiting-line.ts'

function openLine({ queueMax = 10, queueTimeoutMs = 1000 } = {}) {
  let nowMs = 0
  const wheel = new TimerWheel({ clock: () => nowMs, isDriven: false })
  const line = new WaitingLine<string>(wheel, () => ({ queueMax, queueTimeoutMs }))
  const events: string[] = []
  const join = (key: string, onProceed = () => {}) =>
    line.join(key, {
      proceed: () => {
        events.push(`${key} proceeds`)
        onProceed()
      },
      giveUp: () => void events.push(`${key} gives up`),
    })
  const advance = (ms: number) => {
    nowMs += ms
    wheel.advance(nowMs)
  }
  return { line, wheel, events, join, advance }
}

test('first come, first served, as many as there is room for', async () => {
  const { line, events, join } = openLine()
  for (const key of ['a', 'b', 'c']) assert.equal(join(key), true)
  let room = 2
  line.serve(() => room-- > 0)
  line.serve(() => assert.fail('it is being served already'))
  assert.deepEqual(events, [], 'whoever made the room has not finished')
  await setImmediate()
  assert.deepEqual(events, ['a proceeds', 'b proceeds'])
  assert.equal(line.length, 1)
})

test('one that finds no room after all joins again, and nobody is called for ever', async () => {
  const { line, events, join } = openLine()
  join('a', () => void join('a'))
  line.serve(() => true)
  await setImmediate()
  assert.deepEqual(events, ['a proceeds'])
  assert.equal(line.length, 1)
})

test('nobody more than its limit waits, and nobody longer than it may', () => {
  const { wheel, events, join, advance } = openLine({ queueMax: 2, queueTimeoutMs: 1000 })
  assert.deepEqual([join('a'), join('b'), join('c')], [true, true, false])
  advance(500)
  assert.deepEqual(events, [])
  advance(700)
  assert.deepEqual(events, ['a gives up', 'b gives up'])
  assert.equal(wheel.size, 0, 'a deadline is left')
})

test('each has its own time: who came later waits on when the first gives up', () => {
  const { events, join, advance } = openLine()
  join('a')
  advance(600)
  join('b')
  advance(600)
  assert.deepEqual(events, ['a gives up'])
  advance(700)
  assert.deepEqual(events, ['a gives up', 'b gives up'])
})

test('who leaves is not called, and the last one takes the deadline along', async () => {
  const { line, wheel, events, join } = openLine()
  join('a')
  line.leave('a')
  line.leave('a')
  line.serve(() => true)
  await setImmediate()
  assert.deepEqual(events, [])
  assert.equal(wheel.size, 0)
  join('b')
  line.close()
  assert.deepEqual(events, ['b gives up'])
})
