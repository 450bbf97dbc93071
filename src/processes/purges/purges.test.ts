// Purges from the log to those who must have heard of them.

import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { stressLifecycle } from '../../base/lifecycle-stress.ts'
import { waitUntil } from '../../base/limits.ts'
import { seededRandom } from '../../base/random.ts'
import type { Purge } from '../../tiers/edge/contract.ts'
import { PurgeFollower, type PurgeFollowerOptions } from './purge-follower.ts'
import { PurgeLog, readPurges } from './purge-log.ts'

const everything: Purge = { everything: true }
const tag = (name: string): Purge => ({ tag: name })

async function places(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-purges-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return { log: join(dir, 'purges.log'), place: join(dir, 'place') }
}

function follow(at: { log: string; place: string }, options: Partial<PurgeFollowerOptions> = {}) {
  const applied: Purge[] = []
  const apply = async (purge: Purge) => ({ objects: applied.push(purge) })
  const warn = (text: string) => assert.fail(text)
  return { applied, follower: new PurgeFollower({ ...at, apply, lookIntervalMs: 60_000, warn, ...options }) }
}

test('the log counts without a gap, also over a crash in the middle of a line', async (t) => {
  const { log } = await places(t)
  assert.deepEqual(await readPurges(log), [])
  const first = new PurgeLog(log)
  await Promise.all(['a', 'b', 'c'].map((name) => first.append(tag(name))))
  await first.close()
  await appendFile(log, '{"position":4,"at":"2026-01-')
  assert.equal((await readPurges(log)).length, 3)
  const second = new PurgeLog(log)
  assert.equal((await second.append(tag('d'))).position, 4)
  await second.close()
  const read = await readPurges(log)
  assert.deepEqual(
    read.map(({ position, purge }) => [position, purge]),
    [
      [1, tag('a')],
      [2, tag('b')],
      [3, tag('c')],
      [4, tag('d')],
    ],
  )
})

test('a log that has grown long is cut to its end, and goes on counting', async (t) => {
  const { log } = await places(t)
  const line = (position: number) => `${JSON.stringify({ position, at: '', purge: tag('x') })}\n`
  await writeFile(log, Array.from({ length: 20_000 }, (_, index) => line(index + 1)).join(''))
  const writer = new PurgeLog(log)
  assert.equal((await writer.append(tag('y'))).position, 20_001)
  await writer.close()
  const read = await readPurges(log)
  assert.deepEqual([read.length, read[0]?.position], [10_001, 10_001])
})

test('a front that comes back does what it missed, and nothing twice', async (t) => {
  const at = await places(t)
  const log = new PurgeLog(at.log)
  t.after(() => log.close())
  await log.append(tag('a'))
  const first = follow(at)
  await first.follower.start()
  assert.deepEqual(first.applied, [everything], 'a new one does not know what its disk holds')
  await first.follower.hear(await log.append(tag('b')))
  await first.follower.stop()
  await log.append(tag('c'))
  await log.append(tag('d'))
  const second = follow(at)
  await second.follower.start()
  assert.deepEqual(second.applied, [tag('c'), tag('d')])
  await second.follower.stop()
  const third = follow(at)
  await third.follower.start()
  assert.deepEqual(third.applied, [])
  await third.follower.stop()
})

test('after another start of the machine what was purged of late is purged again, and nothing else', async (t) => {
  const at = await places(t)
  const log = new PurgeLog(at.log)
  t.after(() => log.close())
  let nowMs = 0
  const clock = { ...systemClock, monotonic: () => nowMs }
  const first = follow(at, { bootId: 'one', clock })
  await first.follower.start()
  for (const name of ['a', 'b', 'c']) {
    await first.follower.hear(await log.append(tag(name)))
    nowMs += 11 * 60_000
  }
  for (const name of ['d', 'e']) await first.follower.hear(await log.append(tag(name)))
  await first.follower.stop()
  const same = follow(at, { bootId: 'one', clock })
  await same.follower.start()
  assert.deepEqual(same.applied, [])
  await same.follower.stop()
  const second = follow(at, { bootId: 'two', clock })
  await second.follower.start()
  assert.deepEqual(second.applied, [tag('d'), tag('e')])
  await second.follower.stop()
  // That is where it goes on from, though none of it is on disk for sure yet.
  const third = follow(at, { bootId: 'two', clock })
  await third.follower.start()
  assert.deepEqual(third.applied, [])
  await third.follower.stop()
  const fourth = follow(at, { bootId: 'three', clock })
  await fourth.follower.start()
  assert.deepEqual(fourth.applied, [tag('d'), tag('e')])
  await fourth.follower.stop()
})

test('what was purged long ago is settled though nothing is purged since', async (t) => {
  const at = await places(t)
  let nowMs = 0
  const clock = { ...systemClock, monotonic: () => nowMs }
  const first = follow(at, { bootId: 'one', clock, lookIntervalMs: 10 })
  await first.follower.start()
  nowMs = 11 * 60_000
  const isSettled = async () => (await readFile(at.place, 'utf8')) === '0 0 one\n'
  await waitUntil(isSettled, { what: 'the place', timeoutMs: 10_000 })
  await first.follower.stop()
  const second = follow(at, { bootId: 'two', clock })
  await second.follower.start()
  assert.deepEqual(second.applied, [])
  await second.follower.stop()
})

test('a front that knew nothing of its disk, and loses its machine soon after, knows nothing again', async (t) => {
  const at = await places(t)
  const first = follow(at, { bootId: 'one' })
  await first.follower.start()
  await first.follower.stop()
  const second = follow(at, { bootId: 'two' })
  await second.follower.start()
  assert.deepEqual([first.applied, second.applied], [[everything], [everything]])
  await second.follower.stop()
})

test('one that heard of a later purge does those between first; one that it has done already does nothing', async (t) => {
  const at = await places(t)
  const log = new PurgeLog(at.log)
  t.after(() => log.close())
  const { follower, applied } = follow(at)
  await follower.start()
  applied.length = 0
  const [a] = [await log.append(tag('a')), await log.append(tag('b'))]
  const c = await log.append(tag('c'))
  await follower.hear(c)
  assert.deepEqual(applied, [tag('a'), tag('b'), tag('c')])
  assert.deepEqual(await follower.hear(a), { objects: 0 })
  assert.deepEqual(await follower.hear(a, { again: true }), { objects: 4 })
  assert.equal(follower.position, 3)
  await follower.stop()
})

test('one that hears nothing finds it in the log', async (t) => {
  const at = await places(t)
  const { follower, applied } = follow(at, { lookIntervalMs: 10 })
  await follower.start()
  applied.length = 0
  const log = new PurgeLog(at.log)
  t.after(() => log.close())
  await log.append(tag('a'))
  await waitUntil(() => applied.length === 1, { what: 'the purge', timeoutMs: 5000 })
  await follower.stop()
})

test('one that was away for longer than the log reaches back throws out everything, and so does one whose log is gone', async (t) => {
  const at = await places(t)
  await writeFile(at.log, `${JSON.stringify({ position: 900, at: '', purge: tag('x') })}\n`)
  await writeFile(at.place, '7 7 one\n')
  const late = follow(at, { bootId: 'one' })
  await late.follower.start()
  assert.deepEqual([late.applied, late.follower.position], [[everything], 900])
  await late.follower.stop()
  await rm(at.log)
  const lost = follow(at)
  await lost.follower.start()
  assert.deepEqual([lost.applied, lost.follower.position], [[everything], 0])
  await lost.follower.stop()
})

test('a follower can be started and stopped from all sides', async (t) => {
  const { follower } = follow(await places(t))
  await stressLifecycle(follower, seededRandom(Date.now()), async () => follower.isRunning)
})
