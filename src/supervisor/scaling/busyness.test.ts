// How busy a process is, from the sums that it tells.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Busyness } from './busyness.ts'

const windowMs = 5000

/** The sums of a process whose loop was busy for `share` of the time all its life, and which used `cores` of 4. */
const useAt = (atMs: number, share: number, cores = share) => {
  return { activeMs: atMs * share, idleMs: atMs * (1 - share), cpuMs: atMs * cores, cores: 4 }
}

test('a process is as busy as it was over the window, whatever it did before', () => {
  const busyness = new Busyness()
  for (let atMs = 0; atMs <= 60_000; atMs += 1000) busyness.hear('web-1', 7, useAt(atMs, 0.2), atMs, windowMs)
  near(busyness.of('web-1', 7, 60_000, windowMs), 0.2)
  const before = useAt(60_000, 0.2)
  for (let atMs = 61_000; atMs <= 65_000; atMs += 1000) {
    const since = useAt(atMs - 60_000, 1)
    busyness.hear('web-1', 7, { ...before, activeMs: before.activeMs + since.activeMs }, atMs, windowMs)
  }
  near(busyness.of('web-1', 7, 65_000, windowMs), 1)
})

test('threads beside the loop count by the cores that they could have', () => {
  const busyness = new Busyness()
  for (const atMs of [0, 5000]) busyness.hear('web-1', 7, useAt(atMs, 0.1, 3), atMs, windowMs)
  near(busyness.of('web-1', 7, 5000, windowMs), 0.75)
})

test('nothing is known of one that was heard for less than a window, nor of another process of that name', () => {
  const busyness = new Busyness()
  for (let atMs = 0; atMs < windowMs; atMs += 1000) busyness.hear('web-1', 7, useAt(atMs, 1), atMs, windowMs)
  assert.equal(busyness.of('web-1', 7, 4000, windowMs), undefined)
  busyness.hear('web-1', 7, useAt(5000, 1), 5000, windowMs)
  assert.equal(busyness.of('web-1', 7, 5000, windowMs), 1)
  assert.equal(busyness.of('web-1', 8, 5000, windowMs), undefined)
  busyness.hear('web-1', 8, useAt(100, 1), 6000, windowMs)
  assert.equal(busyness.of('web-1', 8, 6000, windowMs), undefined)
  assert.equal(busyness.of('web-2', 9, 6000, windowMs), undefined)
})

test('one that says nothing for a window is full', () => {
  const busyness = new Busyness()
  for (let atMs = 0; atMs <= 10_000; atMs += 1000) busyness.hear('web-1', 7, useAt(atMs, 0.3), atMs, windowMs)
  near(busyness.of('web-1', 7, 14_000, windowMs), 0.3)
  assert.equal(busyness.of('web-1', 7, 15_000, windowMs), 1)
  busyness.keep(new Set())
  assert.equal(busyness.of('web-1', 7, 15_000, windowMs), undefined)
})

function near(measured: number | undefined, expected: number): void {
  assert.ok(measured !== undefined && Math.abs(measured - expected) < 1e-6, `${measured} is not ${expected}`)
}
