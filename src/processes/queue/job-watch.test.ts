// What a process knows of its jobs, from what the channel told.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type JobMessage, openChannel } from '../../base/channels.ts'
import { ManualClock } from '../../base/clock.ts'
import { stressLifecycle } from '../../base/lifecycle-stress.ts'
import { seededRandom } from '../../base/random.ts'
import { JobWatch } from './job-watch.ts'
import { durationBounds, sumUses } from './report.ts'

const channel = openChannel('tenfold:job')
const tell = (event: JobMessage['event'], id: string, more: Partial<JobMessage> = {}) =>
  channel.publish({ event, queue: 'mail', id, attempt: 1, ...more })

test('the life of one job among others, in its order; the sums and rates of its queue', async () => {
  const clock = new ManualClock(Date.parse('2026-11-25T12:00:00Z'))
  const watch = new JobWatch('r/worker-1', () => [{ queue: 'mail', busy: 0.5, inFlight: 2 }], clock)
  await watch.start()
  tell('published', 'a', { attempt: 0, trace: '00-ab-cd-01' })
  tell('published', 'b', { attempt: 0 })
  await clock.advance(100)
  tell('taken', 'a')
  tell('failed', 'a', { durationMs: 30, reason: 'no route' })
  tell('retried', 'a', { delayMs: 1000 })
  tell('done', 'b', { durationMs: 7 })
  await clock.advance(1900)
  tell('done', 'a', { attempt: 2, durationMs: 400_000 })
  const events = watch.eventsOf('a')
  assert.deepEqual(
    events.map(({ event, attempt }) => `${event} ${attempt}`),
    ['published 0', 'taken 1', 'failed 1', 'retried 1', 'done 2'],
  )
  assert.deepEqual(events[0], {
    ...{ at: '2026-11-25T12:00:00.000Z', node: 'r/worker-1', event: 'published', queue: 'mail', id: 'a', attempt: 0 },
    trace: '00-ab-cd-01',
  })
  assert.equal(events[2]?.reason, 'no route')
  const [use] = watch.report()
  assert.deepEqual(
    [use?.published, use?.done, use?.failed, use?.inFlight, use?.donePerSecond, use?.durationSumMs],
    [2, 2, 1, 2, 1, 400_037],
  )
  assert.deepEqual(
    use?.slowest.map(({ id, durationMs }) => [id, durationMs]),
    [
      ['a', 400_000],
      ['a', 30],
      ['b', 7],
    ],
  )
  assert.equal(use?.durations.length, durationBounds.length + 1)
  assert.deepEqual([use?.durations[1], use?.durations[3], use?.durations.at(-1)], [1, 1, 1])
  await watch.stop()
  tell('done', 'a')
  assert.equal(watch.eventsOf('a').length, 5)
})

test('the newest events are kept and no more than those', async () => {
  const watch = new JobWatch('r/web-1', () => [])
  await watch.start()
  for (let n = 0; n < 20_010; n++) tell('done', `${n}`)
  assert.equal(watch.eventsOf('9').length, 0)
  assert.equal(watch.eventsOf('10').length, 1)
  assert.equal(watch.eventsOf('20009').length, 1)
  assert.equal(watch.report()[0]?.done, 20_010)
  await watch.stop()
})

test('processes add up by queue', () => {
  const empty = { published: 0, done: 0, failed: 0, died: 0, publishedPerSecond: 0, donePerSecond: 0 }
  const use = (queue: string, done: number) => ({
    ...{ ...empty, queue, done, failedPerSecond: 0.5, durations: [done, 0], durationSumMs: done },
    ...{ slowest: [{ id: `${queue}${done}`, durationMs: done, at: '' }], busyMs: 1, passedMs: 2, inFlight: 1 },
  })
  const [mail, thumbs] = sumUses([[use('thumbs', 1)], [use('mail', 5), use('thumbs', 2)]])
  assert.equal(mail?.queue, 'mail')
  assert.deepEqual([thumbs?.done, thumbs?.failedPerSecond, thumbs?.durations], [3, 1, [3, 0]])
  assert.deepEqual(
    thumbs?.slowest.map(({ id }) => id),
    ['thumbs2', 'thumbs1'],
  )
})

test('it can be started and stopped from all sides', async () => {
  const watch = new JobWatch('r/web-1', () => [])
  await stressLifecycle(watch, seededRandom(Date.now()), async () => watch.report().length >= 0)
})
