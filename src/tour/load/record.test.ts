// To which second and phase a request belongs, and how pauses of the writes are counted.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Outcome, Recorder } from './record.ts'

function answer(recorder: Recorder, kind: 'like' | 'feed', dueMs: number, doneMs: number, failure?: string): void {
  const outcome: Outcome = { kind, request: kind, dueMs, doneMs, isResent: false }
  recorder.due(kind, dueMs)({ ...outcome, ...(failure === undefined ? {} : { failure }) })
}

test('a request belongs to the phase in which it was due, its answer to the phase in which it came', () => {
  const recorder = new Recorder(0)
  const settle = recorder.due('feed', 900)
  recorder.beginPhase(1000)
  settle({ kind: 'feed', request: 'feed', dueMs: 900, doneMs: 1500, isResent: false })
  recorder.endPhase(2000)
  const { phases, seconds } = recorder.end(9000)
  assert.deepEqual(
    phases.map(({ sent, ok, answered, endMs }) => [sent, ok, answered, endMs]),
    [
      [1, 1, 0, 1000],
      [0, 0, 1, 2000],
    ],
  )
  assert.deepEqual(
    seconds.map(({ sent, answered }) => [sent, answered]),
    [
      [1, 0],
      [0, 1],
    ],
  )
})

test('a pause of the writes counts whole for every phase that it touches; reads and failures do not end it', () => {
  const recorder = new Recorder(0)
  answer(recorder, 'like', 90, 100)
  recorder.beginPhase(200)
  answer(recorder, 'feed', 290, 300)
  answer(recorder, 'like', 390, 400, 'status 500')
  recorder.beginPhase(500)
  answer(recorder, 'like', 690, 700)
  const { phases } = recorder.end(800)
  assert.deepEqual(
    phases.map((phase) => phase.writePauseMs),
    [600, 600, 600],
  )
})

test('a pause that no write ends is counted too', () => {
  const recorder = new Recorder(0)
  answer(recorder, 'like', 90, 100)
  recorder.beginPhase(200)
  const { phases } = recorder.end(1000)
  assert.deepEqual(
    phases.map((phase) => phase.writePauseMs),
    [900, 900],
  )
})
