// The report: whole, safe against what servers answer, and right about the verdict.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LedgerVerdict } from '../ledger.ts'
import { Recorder } from '../load/record.ts'
import { planActs } from '../scenario.ts'
import { makeReport, verdictOf } from './make-report.ts'
import { renderReport } from './render.ts'
import type { TourReport } from './report.ts'

const settings = {
  startMs: 0,
  endMs: 30_000,
  minutes: 3,
  ratePerSecond: 10,
  seed: 1,
  connectionsMax: 4,
  timeoutMs: 1000,
}
const checked = { signup: 1, session: 1, upload: 1, thumbnail: 1, like: 1, comment: 1, follow: 1, tip: 1 }
const clean: LedgerVerdict = { checked, inDoubt: 0, lost: 0, doubled: 0, unreadable: 0, findings: [], durationMs: 1 }

/** Two seconds in each act, ten requests a second; the reason of each failure comes from the caller. */
function makeSample(failure?: string, ledger: LedgerVerdict = clean): TourReport {
  const acts = planActs(3)
  const recorder = new Recorder(0)
  for (let second = 0; second < acts.length * 2; second++) {
    if (second > 0 && second % 2 === 0) recorder.beginPhase(second * 1000)
    for (let dueMs = second * 1000; dueMs < second * 1000 + 1000; dueMs += 100) {
      const outcome = { kind: 'like' as const, request: 'POST /<like>', dueMs, doneMs: dueMs + 7, isResent: false }
      recorder.due('like', dueMs)({ ...outcome, ...(failure !== undefined && second === 10 ? { failure } : {}) })
    }
  }
  const accidents = [{ title: 'kill -9 web 1', rung: 3, node: 'us-east/web-1', atMs: 10_000, readyAfterMs: 900 }]
  const verified = { broken: null, afterLoad: clean, afterRestart: ledger, restartMs: 2000 }
  return makeReport({ acts, accidents, record: recorder.end(acts.length * 2000), ...verified }, settings)
}

test('the page is whole, needs nothing from elsewhere, and every number in it is one', () => {
  const page = renderReport(makeSample())
  assert.match(page, /^<!doctype html>/)
  assert.match(page, /<h1>0 failed, 0 lost<\/h1>/)
  assert.doesNotMatch(page, /<script|<link|\bsrc=|url\((?!#)|@import|https?:\/\//)
  assert.doesNotMatch(page, /NaN|Infinity|undefined|\[object|null/)
  for (const tag of ['table', 'tr', 'td', 'svg', 'g', 'figure', 'section', 'ul', 'li', 'text', 'title'])
    assert.equal(count(page, new RegExp(`<${tag}[\\s>]`, 'g')), count(page, new RegExp(`</${tag}>`, 'g')), tag)
})

test('the report stays whole as JSON', () => {
  const report = makeSample()
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report)
})

test('a journey that stopped before its first answer can be rendered too', () => {
  const record = new Recorder(0).end(0)
  const nothing = { broken: 'no host', afterLoad: null, afterRestart: null, restartMs: null }
  const page = renderReport(makeReport({ acts: planActs(3), accidents: [], record, ...nothing }, settings))
  assert.match(page, /0 failed, 0 lost, not verified, stopped: no host/)
  assert.doesNotMatch(page, /NaN|Infinity|undefined/)
})

test('what a server answered is shown as text, never as markup', () => {
  const finding = { problem: 'lost', kind: 'comment', id: '"><img>', detail: '<b onclick="x">&' } as const
  const page = renderReport(makeSample('<script>alert(1)</script>', { ...clean, lost: 1, findings: [finding] }))
  assert.doesNotMatch(page, /<script|<img|<b /)
  assert.match(page, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/)
  assert.match(page, /&lt;b onclick=&quot;x&quot;&gt;&amp;/)
})

test('a failure is charged to its rung and to the fault that it followed', () => {
  const report = makeSample('status 502')
  assert.deepEqual(
    report.rungs.map(({ rung, failed }) => [rung, failed]),
    [
      [1, 0],
      [2, 0],
      [3, 10],
    ],
  )
  assert.deepEqual([report.faults[0]?.failed, report.faults[0]?.cleanAfterMs], [10, 1000])
  assert.equal(report.verdict.summary, '10 failed, 0 lost')
  assert.equal(report.rungs[2]?.availability, 90 / 100)
})

test('each way to go wrong breaks the verdict and is named in it', () => {
  const lost = { ...clean, lost: 2 }
  assert.equal(verdictOf(0, [clean, clean], null).isPassed, true)
  for (const [verdict, summary] of [
    [verdictOf(3, [clean, clean], null), '3 failed, 0 lost'],
    [verdictOf(0, [clean, lost], null), '0 failed, 2 lost'],
    [verdictOf(0, [{ ...clean, doubled: 1 }, clean], null), '0 failed, 0 lost, 1 doubled'],
    [verdictOf(0, [{ ...clean, unreadable: 1 }, clean], null), '0 failed, 0 lost, 1 could not be verified'],
    [verdictOf(0, [clean, null], null), '0 failed, 0 lost, not verified'],
    [verdictOf(0, [clean, clean], 'x'), '0 failed, 0 lost, stopped: x'],
    [verdictOf(0, [clean, clean], null, ['us-east/web-1']), '0 failed, 0 lost, us-east/web-1 did not come back'],
  ] as const)
    assert.deepEqual([verdict.isPassed, verdict.summary], [false, summary])
})

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}
