// Which backup and which timeline lead to a moment, in archives with failovers, gaps and branches that led nowhere.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatLsn } from '../../../programs/postgres/lsn.ts'
import { segmentBytes, segmentName } from '../../../programs/postgres/wal-segment.ts'
import type { ArchiveRun, BackupRecord } from '../archive.ts'
import { type ArchiveContent, planRestore, restorableRanges } from './plan-restore.ts'

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute))
const lsnAt = (minute: number) => BigInt(segmentBytes) * BigInt(minute + 1) + 40n

// Minutes 0 to 10 on timeline 1, left at minute 6 for timeline 2, which goes on to 20: 6 to 10 on timeline 1 led nowhere.
// Then a gap, and a second run from 30 to 40 on timeline 2.
const runs: ArchiveRun[] = [
  run({ from: 0, to: 20, startTimeline: 1, timeline: 2 }),
  run({ from: 30, to: 40, startTimeline: 2, timeline: 2 }),
]
const backups = [backup(1, 1, 0), backup(8, 1, 0), backup(12, 2, 0), backup(31, 2, 30)]
const content: ArchiveContent = {
  state: { systemIdentifier: '1', runs },
  backups,
  wal: { segments: new Set(segmentsOf()), partials: new Set(), histories: new Set([2]) },
  histories: new Map([[2, [{ timeline: 1, endLsn: lsnAt(6) }]]]),
}

test('what can be restored is told as the times between the first backup and the end of each run', () => {
  assert.deepEqual(restorableRanges(content), [
    { from: at(1).toISOString(), to: at(20).toISOString() },
    { from: at(31).toISOString(), to: at(40).toISOString() },
  ])
})

test('a time is restored from the newest backup before it, on the timeline that lives', () => {
  const planAt = (minute: number) => {
    const { backup, timeline } = planRestore(content, { time: at(minute) })
    return [backup.id, timeline]
  }
  assert.deepEqual(planAt(5), [at(1).toISOString(), 2], 'before the failover')
  assert.deepEqual(planAt(9), [at(1).toISOString(), 2], 'after it: the backup of minute 8 is of the branch')
  assert.deepEqual(planAt(15), [at(12).toISOString(), 2])
  assert.deepEqual(planAt(35), [at(31).toISOString(), 2])
  assert.equal(planRestore(content, 'latest').backup.id, at(31).toISOString())
})

test('the branch is restored where it is asked for by name', () => {
  const { backup, timeline, path } = planRestore(content, { time: at(9) }, 1)
  assert.deepEqual([backup.id, timeline], [at(8).toISOString(), 1])
  assert.deepEqual(path, [{ timeline: 1, endLsn: undefined }])
})

test('a time in the gap, before the first backup or after the end is refused, with the times that there are', () => {
  for (const minute of [0, 25, 30, 41])
    assert.throws(() => planRestore(content, { time: at(minute) }), {
      code: 'not-found',
      message: new RegExp(`there is ${at(1).toISOString()} to ${at(20).toISOString()} and ${at(31).toISOString()}`),
    })
})

test('an archive without a backup says so', () => {
  assert.throws(() => planRestore({ ...content, backups: [] }, 'latest'), { message: /there is no backup yet/ })
})

test('a segment that is missing is named, whichever it is', () => {
  assert.deepEqual(planRestore(content, { time: at(15) }).missing, [])
  fc.assert(
    fc.property(fc.integer({ min: 12, max: 19 }), (minute) => {
      const name = segmentName({ timeline: 2, lsn: lsnAt(minute) })
      const segments = new Set([...content.wal.segments].filter((one) => one !== name))
      const plan = planRestore({ ...content, wal: { ...content.wal, segments } }, { time: at(15) })
      assert.deepEqual(plan.missing, [name])
    }),
  )
})

test('every moment is either restored from a backup that was finished before it in the same run, or refused', () => {
  fc.assert(
    fc.property(fc.double({ min: -5, max: 50, noNaN: true }), (minute) => {
      const time = at(minute)
      const isInRange = restorableRanges(content).some(({ from, to }) => time >= new Date(from) && time <= new Date(to))
      if (!isInRange) return assert.throws(() => planRestore(content, { time }), { code: 'not-found' })
      const { backup } = planRestore(content, { time })
      assert.ok(Date.parse(backup.finishedAt) <= time.getTime())
      const run = runs.find(({ startedAt }) => startedAt === backup.runStartedAt)
      assert.ok(run?.until != null && time.getTime() <= Date.parse(run.until))
    }),
  )
})

function run(facts: { from: number; to: number; startTimeline: number; timeline: number }): ArchiveRun {
  const { from, to, startTimeline, timeline } = facts
  const [startLsn, lsn] = [formatLsn(lsnAt(from)), formatLsn(lsnAt(to))]
  return { startTimeline, startLsn, startedAt: at(from).toISOString(), timeline, lsn, until: at(to).toISOString() }
}

function backup(minute: number, timeline: number, runFrom: number): BackupRecord {
  const [finishedAt, lsn] = [at(minute).toISOString(), formatLsn(lsnAt(minute))]
  const facts = { shard: 's1', source: 'p', bytes: 1, storedBytes: 1, sha256: '', startedAt: finishedAt, finishedAt }
  const runStartedAt = at(runFrom).toISOString()
  return { ...facts, id: finishedAt, runStartedAt, timeline, startLsn: lsn, stopLsn: lsn }
}

function segmentsOf(): string[] {
  const minutes = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
  return [
    ...minutes(0, 10).map((minute) => segmentName({ timeline: 1, lsn: lsnAt(minute) })),
    ...minutes(6, 20).map((minute) => segmentName({ timeline: 2, lsn: lsnAt(minute) })),
    ...minutes(30, 40).map((minute) => segmentName({ timeline: 2, lsn: lsnAt(minute) })),
  ]
}
