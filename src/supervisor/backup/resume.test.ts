// Where archiving goes on after a restart, a failover and a mistake.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLsn } from '../../programs/postgres/lsn.ts'
import { resumeAt } from './resume.ts'

const at = (timeline: number, lsn: string) => ({ timeline, lsn: parseLsn(lsn) })
const first = { timeline: 1, keptLsn: parseLsn('0/5000100'), history: [] }
const third = {
  timeline: 3,
  keptLsn: parseLsn('0/9000100'),
  history: [
    { timeline: 1, endLsn: parseLsn('0/5800000') },
    { timeline: 2, endLsn: parseLsn('0/7000028') },
  ],
}

test('an empty archive begins with the segment in which the slot begins', () => {
  assert.deepEqual(resumeAt(undefined, first), at(1, '0/5000000'))
})

test('on the same timeline it goes on with the segment that is not whole', () => {
  assert.deepEqual(resumeAt(at(1, '0/4ABCDEF'), first), at(1, '0/4000000'))
  assert.deepEqual(resumeAt(at(1, '0/5000000'), first), at(1, '0/5000000'))
})

test('after failovers it ends the old timeline first, and skips what it has of a branch that led nowhere', () => {
  assert.deepEqual(resumeAt(at(1, '0/5700000'), third), at(1, '0/5000000'), 'the end of 1 is missing')
  assert.deepEqual(resumeAt(at(1, '0/5800000'), third), at(2, '0/5000000'), '1 is there to its end')
  assert.deepEqual(resumeAt(at(1, '0/8000000'), third), at(2, '0/5000000'), '1 is there beyond its end')
  assert.deepEqual(resumeAt(at(2, '0/7000028'), third), at(3, '0/7000000'))
})

test('a deposed primary and a foreign branch are refused', () => {
  assert.throws(() => resumeAt(at(2, '0/5000000'), first), { code: 'unavailable' })
  const withoutTwo = { ...third, history: third.history.slice(0, 1) }
  assert.throws(() => resumeAt(at(2, '0/6000000'), withoutTwo), { code: 'conflict' })
})
