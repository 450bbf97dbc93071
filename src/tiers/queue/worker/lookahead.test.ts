// How far a worker looks ahead: as far as it will have begun within a moment, and never far when its jobs are slow.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lookahead } from './lookahead.ts'

function after(concurrency: number, runsMs: readonly number[]): number {
  const lookahead = new Lookahead(concurrency)
  for (const runMs of runsMs) lookahead.note(runMs)
  return lookahead.jobs
}

test('none before anything is known, none of slow jobs, many of quick ones, bounded', () => {
  assert.equal(after(4, []), 0)
  assert.equal(after(4, [1000]), 0)
  assert.equal(after(4, [100]), 2)
  assert.equal(after(4, [1]), 200)
  assert.equal(after(1000, [0]), 600)
})

test('follows jobs that become slow, soon', () => {
  const quick = Array.from({ length: 1000 }, () => 0.1)
  assert.ok(after(4, [...quick, 500, 500, 500]) < 3)
})
