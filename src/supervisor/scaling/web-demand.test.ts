// What a load asks for at one moment.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { webDemand } from './web-demand.ts'

const aim = { targetUtilisation: 0.6 }
const all = (count: number, share: number | undefined) => Array.from({ length: count }, () => share)
const demandOf = (busy: Array<number | undefined>) => webDemand({ busy, isSettled: true }, aim).processes

test('as many as bring the mean to its target, and the same within a tenth of it', () => {
  assert.equal(demandOf(all(3, 0.9)), 5)
  assert.equal(demandOf([1, 0.8, 0.9]), 5)
  assert.equal(demandOf(all(4, 0.3)), 2)
  assert.equal(demandOf(all(10, 0.65)), 10)
  assert.equal(demandOf(all(10, 0.55)), 10)
  assert.equal(demandOf(all(3, 0)), 1)
})

test('where all are full, what there would be beyond cannot be seen: twice as many', () => {
  assert.equal(demandOf(all(3, 1)), 6)
  assert.equal(webDemand({ busy: all(3, 1), isSettled: true }, { targetUtilisation: 0.9 }).processes, 6)
})

test('those that start count as idle where more are asked for, as on target where fewer are', () => {
  assert.equal(demandOf([0.9, 0.9, 0.9, undefined, undefined]), 5, 'the load of 3 is on its way to 5')
  assert.equal(demandOf([1, undefined]), 2, 'not more before the second has shown what it takes off')
  assert.equal(demandOf([1, 1, 1, undefined]), 5)
  assert.equal(demandOf([0.1, 0.1, undefined, undefined]), 3)
  assert.equal(demandOf(all(3, undefined)), 3, 'nothing is known')
})

test('latency asks for more while the web processes have something to do, and never for fewer', () => {
  const slow = { p99Ms: 450, isSettled: true }
  const withLatency = { ...aim, p99MsMax: 300 }
  const demand = webDemand({ busy: all(4, 0.5), ...slow }, withLatency)
  assert.deepEqual([demand.processes, demand.because], [6, 'latency'])
  assert.equal(webDemand({ busy: all(4, 0.5), p99Ms: 60_000, isSettled: true }, withLatency).processes, 8)
  assert.equal(webDemand({ busy: all(4, 0.2), ...slow }, withLatency).processes, 2, 'they wait for something else')
  assert.equal(webDemand({ busy: all(4, 0.31), ...slow, p99Ms: 300 }, withLatency).processes, 4)
  assert.equal(webDemand({ busy: all(4, 0.5), ...slow, isSettled: false }, withLatency).processes, 4)
  assert.equal(webDemand({ busy: all(4, 0.31), ...slow }, aim).processes, 3, 'nobody asked for latency')
})

test('whatever is measured: at least one, at most twice what is there or what the target needs, and more load never asks for less', () => {
  const share = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined })
  fc.assert(
    fc.property(
      fc.array(share, { minLength: 1, maxLength: 30 }),
      fc.double({ min: 0.1, max: 0.95, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (busy, targetUtilisation, more) => {
        const demand = (shares: Array<number | undefined>) =>
          webDemand({ busy: shares, isSettled: true }, { targetUtilisation }).processes
        const processes = demand(busy)
        assert.ok(processes >= 1)
        assert.ok(processes <= Math.max(busy.length * 2, Math.ceil(busy.length / targetUtilisation)))
        const busier = busy.map((value) => (value === undefined ? value : Math.min(1, value + more)))
        assert.ok(demand(busier) >= processes)
      },
    ),
  )
})
