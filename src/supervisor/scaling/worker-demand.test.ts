// What a backlog asks for at one moment.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type QueueLoad, workerDemand } from './worker-demand.ts'

const aim = { ageMsMax: 5000 }
const all = (count: number, share: number | undefined) => Array.from({ length: count }, () => share)
const late: QueueLoad = { queue: 'q', waiting: 1000, oldestMs: 8000, endedPerSecond: 100, busy: all(2, 1) }
const demandOf = (load: Partial<QueueLoad>, isSettled = true) => {
  const queue = { ...late, ...load }
  return workerDemand({ present: queue.busy.length, queues: [queue], isSettled }, aim)
}

test('so many that what waits is worked off within the time that is wished, at most twice as many at once', () => {
  assert.deepEqual(demandOf({}), { processes: 4, utilisation: 1, because: 'age', queue: 'q' })
  assert.equal(demandOf({ waiting: 700 }).processes, 3)
  assert.equal(demandOf({ waiting: 100_000 }).processes, 4)
  assert.equal(demandOf({ endedPerSecond: 0 }).processes, 4, 'nothing ends: nobody knows how many more are enough')
  assert.equal(demandOf({ waiting: 300 }).processes, 2, 'what is late is on its way')
})

test('jobs that are late ask for nobody while hands are free, and before the last ones to come have shown what they do', () => {
  assert.equal(demandOf({ busy: all(2, 0.4) }).processes, 2)
  assert.equal(demandOf({}, false).processes, 2)
  assert.equal(demandOf({ oldestMs: 5400 }).processes, 2, 'within a tenth of what is wished')
})

test('full hands and a backlog that is young enough are as good as it gets', () => {
  assert.deepEqual(demandOf({ oldestMs: 4000 }), { processes: 2, utilisation: 1, because: undefined, queue: undefined })
})

test('fewer when those that are left would not be too busy, and no worker goes for one that starts', () => {
  const young = { oldestMs: 0, waiting: 0 }
  assert.deepEqual(demandOf({ ...young, busy: all(4, 0.5) }), {
    ...{ processes: 3, utilisation: 0.5, because: 'use', queue: 'q' },
  })
  assert.equal(demandOf({ ...young, busy: all(4, 0) }).processes, 1)
  assert.equal(demandOf({ ...young, busy: [0.1, 0.1, undefined, undefined] }).processes, 3)
  assert.equal(demandOf({ ...young, busy: all(3, undefined) }).processes, 3, 'nothing is known')
})

test('the queue that asks for most counts', () => {
  const idle = { ...late, queue: 'idle', waiting: 0, oldestMs: 0, busy: all(2, 0) }
  for (const queues of [
    [late, idle],
    [idle, late],
  ])
    assert.deepEqual(workerDemand({ present: 2, queues, isSettled: true }, aim), {
      ...{ processes: 4, utilisation: 1, because: 'age', queue: 'q' },
    })
  assert.equal(workerDemand({ present: 2, queues: [], isSettled: true }, aim).processes, 2)
})

test('whatever is measured: at least one, at most twice as many, and older or more jobs never ask for fewer', () => {
  const share = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined })
  const number = (max: number) => fc.double({ min: 0, max, noNaN: true })
  fc.assert(
    fc.property(
      fc.array(share, { minLength: 1, maxLength: 20 }),
      ...([number(100_000), number(60_000), number(1000), number(50_000), number(60_000)] as const),
      (busy, waiting, oldestMs, endedPerSecond, more, older) => {
        const { processes } = demandOf({ busy, waiting, oldestMs, endedPerSecond })
        assert.ok(processes >= 1 && processes <= busy.length * 2)
        const worse = demandOf({ busy, waiting: waiting + more, oldestMs: oldestMs + older, endedPerSecond })
        assert.ok(worse.processes >= processes)
      },
    ),
  )
})
