// Names of log segments and histories of timelines, against PostgreSQL's own examples.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseLsn } from './lsn.ts'
import {
  historyName,
  parseHistory,
  parseSegmentName,
  segmentBytes,
  segmentEnd,
  segmentName,
  segmentStart,
} from './wal-segment.ts'

test('a segment is named as PostgreSQL names it', () => {
  assert.equal(segmentName({ timeline: 3, lsn: parseLsn('1/2A003C10') }), '00000003000000010000002A')
  assert.equal(segmentName({ timeline: 1, lsn: 0n }), '000000010000000000000000')
  assert.equal(segmentName({ timeline: 31, lsn: parseLsn('FF/FFFFFFFF') }), '0000001F000000FF000000FF')
  assert.equal(historyName(26), '0000001A.history')
})

test('a name leads back to the segment of every position in it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.bigInt({ min: 0n, max: 2n ** 62n }), (timeline, lsn) => {
      const found = parseSegmentName(segmentName({ timeline, lsn }))
      assert.deepEqual(found, { timeline, lsn: segmentStart(lsn) })
      assert.ok(segmentStart(lsn) <= lsn && lsn < segmentEnd(segmentStart(lsn)))
      assert.equal(segmentEnd(lsn) - segmentStart(lsn), BigInt(segmentBytes))
    }),
  )
})

test('other files of pg_wal are no segments', () => {
  for (const name of ['00000002.history', '000000010000000000000001.partial', '00000001000000000000000g', ''])
    assert.equal(parseSegmentName(name), undefined)
})

test('a history is read with its comments, and what is none is refused', () => {
  const text = '1\t0/3000148\tno recovery target specified\n\n# a word\n2\t0/5000000\tbefore 2026-01-01\n'
  assert.deepEqual(parseHistory(text), [
    { timeline: 1, endLsn: 0x3000148n },
    { timeline: 2, endLsn: 0x5000000n },
  ])
  assert.throws(() => parseHistory('1 nowhere'), { code: 'bad-input' })
})
