// A journey from its first act to the report, under load from the real load process.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { TinyPhotos } from '../../test/tour/tiny-photos.ts'
import { systemClock } from '../base/clock.ts'
import { travel } from './journey.ts'
import { LoadProcess } from './load/load-process.ts'
import { makeReport } from './report/make-report.ts'
import type { TourReport } from './report/report.ts'
import type { Act } from './scenario.ts'
import type { TourStatus, TourSystem } from './system.ts'

// The tour's own works under real load from the real load process; only the system is a small one in memory.

const load = { connectionsMax: 100, timeoutMs: 5000, inFlightMax: 1000, people: 5, photos: 5, followsPerPerson: 1 }
const settings = { ...load, ratePerSecond: 100, seed: 1, minutes: 3, startMs: 0, endMs: 0 }
const shortHold: Act = { kind: 'hold', rung: 1, weight: 1 }

let tiny: TinyPhotos
let generator: LoadProcess
let baseUrl: string

beforeEach(async () => {
  tiny = new TinyPhotos()
  baseUrl = await tiny.listen()
  generator = new LoadProcess()
})

afterEach(async () => {
  await generator.close()
  await tiny.close()
})

/** One web server that is back 100 ms after a kill. */
function makeSystem(changes: Partial<TourSystem> = {}): TourSystem {
  let pid = 100
  let state: TourStatus['nodes'][number]['state'] = 'ready'
  return {
    status: async () => ({ rung: 1, nodes: [{ id: 'us-east/web-1', role: 'web', pid, state }] }),
    climb: async () => {},
    async fault() {
      state = 'starting'
      setTimeout(() => {
        pid++
        state = 'ready'
      }, 100)
    },
    switchover: async () => {},
    purge: async () => {},
    restart: async () => {},
    ...changes,
  }
}

async function tour(acts: readonly Act[], system: TourSystem): Promise<TourReport> {
  await generator.prepare({ ...settings, baseUrl })
  await generator.start()
  const clock = systemClock
  const [endMs, settleMs, enter, signal] = [clock.now(), 500, () => {}, undefined]
  const journey = await travel({ acts, system, generator, clock, enter, endMs, settleMs, signal })
  return makeReport(journey, settings)
}

test('a journey on which nothing breaks ends with 0 failed, 0 lost, verified before and after a restart', async () => {
  const restarted: string[] = []
  const kill: Act = { kind: 'fault', rung: 1, fault: 'kill', victim: 'web', nth: 0 }
  const system = makeSystem({ restart: async () => void restarted.push('restart') })
  const report = await tour([shortHold, { kind: 'climb', from: 1, to: 2 }, kill, shortHold], system)
  assert.deepEqual([report.verdict.summary, report.verdict.isPassed], ['0 failed, 0 lost', true])
  assert.deepEqual(restarted, ['restart'])
  assert.ok(report.total.sent > 200)
  assert.equal(report.total.ok, report.total.sent)
  assert.equal(report.ledger.afterRestart?.checked.upload, tiny.photos().length)
  const [fault] = report.faults
  assert.ok(fault?.readyAfterMs)
  assert.deepEqual([fault?.node, fault?.cleanAfterMs], ['us-east/web-1', 0])
  assert.deepEqual(
    report.acts.map((act) => act.title),
    ['hold rung 1', 'climb 1 → 2', 'kill -9 web 1', 'hold rung 1'],
  )
})

test('while the system stalls, requests go on coming, and each is charged for its wait from its due time on', async () => {
  const held = 60
  const system = makeSystem({ climb: () => tiny.holdUntil(held) })
  const report = await tour([shortHold, { kind: 'climb', from: 1, to: 2 }, shortHold], system)
  assert.equal(report.verdict.summary, '0 failed, 0 lost')
  // Sixty due times lie 590 ms apart at least, none is sent before it is due, and none is answered before the last was sent.
  const leastMs = ((held - 1) * 1000) / settings.ratePerSecond
  assert.ok(report.total.latency.maxMs >= leastMs, `the first of ${held} waited only ${report.total.latency.maxMs} ms`)
})

test('failed requests, a lost write and a climb that gives up are all in the verdict', async () => {
  const system = makeSystem({
    async climb() {
      tiny.failsAt = (number) => number % 5 === 0
      await systemClock.sleep(300)
      tiny.failsAt = () => false
      throw new Error('no second host')
    },
    async restart() {
      ;[...tiny.users.values()].find(({ photos }) => photos.length > 0)?.photos.pop()
    },
  })
  const report = await tour([shortHold, { kind: 'climb', from: 1, to: 2 }, shortHold], system)
  assert.equal(report.verdict.isPassed, false)
  assert.ok(report.verdict.failed > 0)
  assert.equal(report.ledger.afterLoad?.lost, 0)
  assert.ok(report.verdict.lost > 0)
  assert.match(report.verdict.summary, /^\d+ failed, \d+ lost, stopped: no second host$/)
  assert.match(report.failures[0]?.reason ?? '', /^status 500/)
  assert.equal(report.acts.length, 2)
})
