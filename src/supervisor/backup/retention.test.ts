// Whatever the backups and the window are: every time within the window stays restorable, and no more is kept than that.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatLsn, parseLsn } from '../../programs/postgres/lsn.ts'
import { parseSegmentName, segmentBytes, segmentEnd, segmentName } from '../../programs/postgres/wal-segment.ts'
import type { BackupRecord } from './archive.ts'
import { findExpired } from './retention.ts'

const hourMs = 3_600_000
/** The log grows by a segment and a half an hour. */
const lsnAt = (hour: number) => BigInt(Math.floor(hour * 1.5 * segmentBytes)) + BigInt(segmentBytes)
const at = (hour: number) => new Date(hour * hourMs).toISOString()

function backupAt(hour: number): BackupRecord {
  const [startLsn, stopLsn] = [formatLsn(lsnAt(hour)), formatLsn(lsnAt(hour + 0.2))]
  const common = { shard: 's1', runStartedAt: at(0), timeline: 1, source: 'p', bytes: 1, storedBytes: 1, sha256: '' }
  return { ...common, id: at(hour), startLsn, stopLsn, startedAt: at(hour), finishedAt: at(hour + 0.2) }
}

const histories = fc.record({
  hours: fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { maxLength: 20 }),
  nowHour: fc.integer({ min: 0, max: 300 }),
  keepHours: fc.integer({ min: 0, max: 100 }),
})

test('every time of the window for which there was a backup and log still has both', () => {
  fc.assert(
    fc.property(histories, fc.double({ min: 0, max: 1, noNaN: true }), ({ hours, nowHour, keepHours }, where) => {
      const { backups, segments } = history(hours.filter((hour) => hour + 1 <= nowHour))
      const expired = findExpired(backups, segments, { nowMs: nowHour * hourMs, keepMs: keepHours * hourMs })
      const time = (nowHour - keepHours * where) * hourMs
      const canRestore = (some: BackupRecord[]) => some.some(({ finishedAt }) => Date.parse(finishedAt) <= time)
      const kept = backups.filter(({ id }) => !expired.backups.includes(id))
      assert.equal(canRestore(kept), canRestore(backups))
      const keptSegments = new Set(segments.filter((name) => !expired.segments.includes(name)))
      for (const { startLsn } of kept)
        for (const name of segments)
          if (segmentEnd(parseSegmentName(name)?.lsn ?? 0n) > parseLsn(startLsn))
            assert.ok(keptSegments.has(name), name)
    }),
  )
})

test('the last backup stays, at most one is older than the window, and no log is older than the oldest backup', () => {
  fc.assert(
    fc.property(histories, ({ hours, nowHour, keepHours }) => {
      const { backups, segments } = history(hours.filter((hour) => hour + 1 <= nowHour))
      const expired = findExpired(backups, segments, { nowMs: nowHour * hourMs, keepMs: keepHours * hourMs })
      const kept = backups.filter(({ id }) => !expired.backups.includes(id))
      assert.equal(kept.length > 0, backups.length > 0)
      const begin = (nowHour - keepHours) * hourMs
      assert.ok(kept.filter(({ finishedAt }) => Date.parse(finishedAt) <= begin).length <= 1)
      if (kept.length === 0) return assert.deepEqual(expired.segments, [])
      const oldest = parseLsn(
        kept.map(({ startLsn }) => startLsn).sort((a, b) => (parseLsn(a) < parseLsn(b) ? -1 : 1))[0] ?? '',
      )
      const left = segments.filter((name) => !expired.segments.includes(name))
      assert.ok(left.every((name) => segmentEnd(parseSegmentName(name)?.lsn ?? 0n) > oldest))
    }),
  )
})

test('a day that one can follow by hand', () => {
  const { backups, segments } = history([0, 24, 48, 72])
  const expired = findExpired(backups, segments, { nowMs: 80 * hourMs, keepMs: 24 * hourMs })
  // The window begins at hour 56: the backup of hour 48 is needed for it, those of 0 and 24 are not.
  assert.deepEqual(expired.backups, [at(0), at(24)])
  assert.equal(expired.segments.at(-1), segmentName({ timeline: 1, lsn: lsnAt(48) - BigInt(segmentBytes) }))
})

test('a backup of a branch that was left behind is no basis, and goes when it is old', () => {
  const { backups, segments } = history([0, 24, 48])
  const options = { nowMs: 80 * hourMs, keepMs: 24 * hourMs, isUsable: ({ id }: BackupRecord) => id !== at(48) }
  assert.deepEqual(findExpired(backups, segments, options).backups, [at(0), at(48)])
})

function history(hours: number[]): { backups: BackupRecord[]; segments: string[] } {
  const last = Math.max(0, ...hours) + 10
  const segments: string[] = []
  for (let lsn = 0n; lsn <= lsnAt(last); lsn += BigInt(segmentBytes)) segments.push(segmentName({ timeline: 1, lsn }))
  return { backups: hours.map(backupAt), segments }
}
