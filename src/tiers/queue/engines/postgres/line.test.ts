// Where a claim begins and in which tables it looks, without a server.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bucketAt, bucketsBetween, firstId, idAt, timeOf } from './job-time.ts'
import { Line } from './line.ts'

describe('a place in the line', () => {
  const server = Date.now()
  const settled = (line: Line) => {
    const claim = line.next(0, false)
    line.took(claim, false, new Map(), new Map(), server)
    return claim
  }

  it('begins at the front, then stays a moment behind the clock, and goes a second back ten times a second', () => {
    const line = new Line()
    const first = settled(line)
    assert.deepEqual([first.since, first.buckets.toSorted()], [[firstId], [0, 1, 2, 3, 4, 5, 6, 7]])
    const next = line.next(50, false)
    assert.deepEqual([next.since, next.isBack], [[idAt(server - 50)], false])
    const back = line.next(100, false)
    assert.ok(back.isBack && (back.since[0] ?? '') <= idAt(server - 50))
    assert.equal(line.next(150, false).isBack, false)
    assert.equal(line.next(150, true).isBack, true)
  })

  it('asks the table of before, where a job lies whose statement began there and whose id was made after', () => {
    const line = new Line()
    settled(line)
    const boundary = Math.floor(server / 300_000) * 300_000
    line.pointTo(9, idAt(boundary + 1))
    assert.ok(line.next(0, false).buckets.includes(bucketAt(boundary - 1)))
  })

  it('forgets what a claim came to when somebody pointed further back meanwhile, and looks at ranks that it hears of', () => {
    const line = new Line()
    settled(line)
    const claim = line.next(0, false)
    const orphan = idAt(server - 60_000)
    assert.ok(line.pointTo(9, orphan))
    line.took(claim, false, new Map(), new Map(), server)
    assert.deepEqual(line.next(0, false).since, [orphan])
    assert.ok(line.pointTo(2, undefined))
    assert.deepEqual(line.next(0, false).ranks, [2, 9])
    assert.equal(line.pointTo(2, undefined), false, 'it looks there already')
  })

  it('stops at the last job of a full hand, and does not pass over ranks that were not looked at', () => {
    const line = new Line()
    line.pointTo(3, undefined)
    const claim = line.next(0, false)
    const last = idAt(server - 5000)
    line.took(claim, true, new Map([[3, last]]), new Map(), server)
    assert.deepEqual(line.next(0, false).since, [last, firstId])
  })
})

it('ids tell the time and the table', () => {
  assert.equal(timeOf('017f22e2-79b0-7cc3-98c4-dc0c0c07398f'), 1645557742000)
  assert.equal(timeOf(idAt(1645557742000)), 1645557742000)
  assert.ok(idAt(1645557742000) < '017f22e2-79b0-7cc3-98c4-dc0c0c07398f')
  assert.deepEqual([bucketAt(0), bucketAt(299_999), bucketAt(300_000), bucketAt(8 * 300_000)], [0, 0, 1, 0])
  assert.deepEqual(bucketsBetween(7 * 300_000, 8 * 300_000), [7, 0])
  for (const from of [-60_000, 0, 1e11])
    assert.deepEqual(bucketsBetween(from, 1e12).toSorted(), [0, 1, 2, 3, 4, 5, 6, 7])
})
