// Hours of jobs in a moment: queues and workers are simulated second by second, and what becomes of the jobs is judged by how
// long they waited.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SeenWorker, type WorkerRules, WorkerScaling } from './worker-scaling.ts'

const tickMs = 1000
const startMs = 3000
const minute = 60_000
/** One worker finishes so many jobs in a second, when it has any. */
const speed = 10

const rules: WorkerRules = {
  ...{ least: 2, most: 20, ageMsMax: 5000, windowMs: 5000, stabiliseMs: 5 * minute, coolDownMs: 30_000 },
}

interface Second {
  atMs: number
  wanted: number
  oldestMs: number
}

test('a surge is worked off: jobs wait for too long only until there are enough workers, and they go after', () => {
  const surge = { fromMs: 5 * minute, toMs: 20 * minute }
  const seconds = simulate(60 * minute, (atMs) => (atMs >= surge.fromMs && atMs < surge.toMs ? 100 : 10))
  assert.ok(seconds.filter(({ atMs }) => atMs < surge.fromMs).every(({ wanted }) => wanted === 2))
  const late = seconds.filter(({ oldestMs }) => oldestMs > 2 * rules.ageMsMax).length
  assert.ok(late <= 90, `${late} seconds with jobs that waited for twice as long as is wished`)
  const settled = seconds.filter(({ atMs }) => atMs > surge.fromMs + 3 * minute && atMs < surge.toMs)
  assert.ok(settled.every(({ oldestMs, wanted }) => oldestMs <= rules.ageMsMax && wanted >= 10 && wanted <= 20))
  assert.ok(seconds.filter(({ atMs }) => atMs > surge.toMs + 12 * minute).every(({ wanted }) => wanted === 2))
  assert.equal(turnsOf(seconds), 1)
})

test('a constant stream that full workers keep up with asks for nobody', () => {
  const seconds = simulate(30 * minute, () => 2 * speed)
  assert.ok(seconds.every(({ wanted }) => wanted === 2))
})

test('it does not flap under a constant stream of any size', () => {
  for (const perSecond of [5, 19, 21, 33, 50, 79, 81, 120]) {
    const seconds = simulate(90 * minute, () => perSecond)
    const turns = turnsOf(seconds.filter(({ atMs }) => atMs > 15 * minute))
    assert.ok(turns <= 1, `${perSecond} a second: ${turns} changes of direction`)
    assert.ok(
      (seconds.at(-1)?.oldestMs ?? 0) <= rules.ageMsMax,
      `${perSecond} a second: ${seconds.at(-1)?.oldestMs} ms`,
    )
  }
})

test('jobs that wait although hands are free ask for nobody', () => {
  const seconds = simulate(10 * minute, () => 100, { handsMax: 0.3 })
  assert.ok(seconds.every(({ wanted }) => wanted === 2))
})

test('while nobody can count what waits, nothing is changed', () => {
  const scaling = new WorkerScaling()
  for (let atMs = 0; atMs < minute; atMs += tickMs) {
    const workers = [{ id: 'us-east/worker-1', pid: 7, isReady: true, queues: undefined }]
    scaling.see({ atMs, workers, depth: undefined }, rules)
    assert.equal(scaling.next(2, atMs, rules), 2)
  }
})

/** Jobs come in by the second, oldest first out; each worker takes its share. `handsMax`: a limit that keeps hands free. */
function simulate(
  forMs: number,
  perSecond: (atMs: number) => number,
  { handsMax = 1 }: { handsMax?: number } = {},
): Second[] {
  const scaling = new WorkerScaling()
  const workers: Array<{ pid: number; bornAtMs: number; done: number; busyMs: number; passedMs: number }> = []
  const waiting: Array<{ atMs: number; count: number }> = []
  const seconds: Second[] = []
  let pid = 100
  let wanted = rules.least
  const grow = (atMs: number) => {
    while (workers.length < wanted) workers.push({ pid: pid++, bornAtMs: atMs, done: 0, busyMs: 0, passedMs: 0 })
    workers.length = wanted
  }
  grow(-minute)
  for (let atMs = 0; atMs < forMs; atMs += tickMs) {
    waiting.push({ atMs, count: perSecond(atMs) })
    const ready = workers.filter(({ bornAtMs }) => atMs - bornAtMs >= startMs)
    let room = ready.length * speed * handsMax
    let done = 0
    for (const batch of waiting) {
      const taken = Math.min(room, batch.count)
      batch.count -= taken
      room -= taken
      done += taken
    }
    while (waiting[0]?.count === 0) waiting.shift()
    for (const worker of ready) {
      const share = done / ready.length / speed
      worker.done += done / ready.length
      worker.busyMs += share * tickMs
      worker.passedMs += tickMs
    }
    const oldestMs = waiting[0] ? atMs - waiting[0].atMs : 0
    const seen = workers.map(({ pid, bornAtMs, done, busyMs, passedMs }, n): SeenWorker => {
      const isReady = atMs - bornAtMs >= startMs
      const use = { queue: 'q', done, failed: 0, busyMs, passedMs }
      return { id: `us-east/worker-${n + 1}`, pid, isReady, queues: isReady ? [use] : undefined }
    })
    const depth = [{ queue: 'q', waiting: waiting.reduce((sum, { count }) => sum + count, 0), oldestMs }]
    scaling.see({ atMs, workers: seen, depth }, rules)
    // The executor has one lane: while it starts or stops processes, nothing else is decided.
    if (seen.every(({ isReady }) => isReady)) {
      wanted = scaling.next(wanted, atMs, rules)
      grow(atMs)
    }
    seconds.push({ atMs, wanted, oldestMs })
  }
  return seconds
}

/** How often growing turned into shrinking, or the other way round. */
function turnsOf(seconds: readonly Second[]): number {
  const steps = seconds.flatMap(({ wanted }, at) => {
    const before = seconds[at - 1]?.wanted ?? wanted
    return wanted === before ? [] : [Math.sign(wanted - before)]
  })
  return steps.filter((step, at) => at > 0 && step !== steps[at - 1]).length
}
