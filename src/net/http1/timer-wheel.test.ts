// Deadlines come once, in time, never early; moving and clearing them holds.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Deadline, TimerWheel } from './timer-wheel.ts'

function manualWheel() {
  return new TimerWheel({ clock: () => 1_000_000, isDriven: false })
}

test('a deadline comes once, not before its time and at most two ticks after it', () => {
  const property = fc.property(
    fc.array(fc.nat(120_000), { maxLength: 40 }),
    fc.integer({ min: 10, max: 5000 }),
    (afters, step) => {
      const wheel = manualWheel()
      const start = wheel.nowMs
      const met = afters.map(() => [] as number[])
      afters.forEach((after, i) => {
        wheel.set(new Deadline({ onDeadline: () => met[i]?.push(wheel.nowMs - start) }), after)
      })
      for (let t = 0; t <= 125_000 + step; t += step) wheel.advance(start + t)
      afters.forEach((after, i) => {
        assert.equal(met[i]?.length, 1, `${after} ms`)
        const late = (met[i]?.[0] ?? 0) - after
        assert.ok(late >= 0 && late <= 200 + step, `${late} ms late`)
      })
      assert.equal(wheel.size, 0)
    },
  )
  fc.assert(property, { numRuns: 60 })
})

test('a deadline that is moved away comes later, one that is moved near comes earlier, a cleared one never', () => {
  const wheel = manualWheel()
  const start = wheel.nowMs
  const met: string[] = []
  const deadline = (name: string) => new Deadline({ onDeadline: () => met.push(`${name} ${wheel.nowMs - start}`) })
  const [later, nearer, cleared, removed] = [
    deadline('later'),
    deadline('nearer'),
    deadline('cleared'),
    deadline('removed'),
  ]
  wheel.set(later, 1000)
  wheel.set(later, 5000)
  wheel.set(nearer, 60_000)
  wheel.set(nearer, 1000)
  wheel.set(cleared, 1000)
  wheel.clear(cleared)
  wheel.set(removed, 1000)
  wheel.remove(removed)
  wheel.remove(removed)
  for (let t = 0; t <= 70_000; t += 100) wheel.advance(start + t)
  assert.deepEqual(met, ['nearer 1100', 'later 5100'])
  assert.equal(wheel.size, 0)
})

test('an owner may set its own deadline again, and clear another that is due at the same time', () => {
  const wheel = manualWheel()
  const start = wheel.nowMs
  const met: string[] = []
  const second: Deadline = new Deadline({ onDeadline: () => met.push('second') })
  const first: Deadline = new Deadline({
    onDeadline() {
      met.push('first')
      wheel.clear(second)
      if (met.length < 3) wheel.set(first, 100)
    },
  })
  wheel.set(second, 500)
  wheel.set(first, 500)
  for (let t = 0; t <= 3000; t += 100) wheel.advance(start + t)
  assert.deepEqual(met, ['first', 'first', 'first'])
})

test('a wheel without deadlines tells the time all the same', () => {
  let nowMs = 1000
  const wheel = new TimerWheel({ clock: () => nowMs })
  nowMs = 60_000
  assert.equal(wheel.nowMs, 60_000)
})

test('a wheel without deadlines keeps no timer', () => {
  const wheel = new TimerWheel()
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = timers()
  const deadline = new Deadline({ onDeadline() {} })
  wheel.set(deadline, 60_000)
  wheel.remove(deadline)
  assert.equal(timers(), before)
})
