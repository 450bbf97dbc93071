// A plan whose supervisor stops: what it gives up then is gone on with by the next one, and what fails before is not.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import type { Step } from '../plan/step.ts'
import { EventLog } from './events.ts'
import type { Journal } from './journal.ts'
import { Lane, type LaneOptions } from './lane.ts'

const steps: Step[] = [
  { kind: 'stop-node', node: 'a' },
  { kind: 'stop-node', node: 'b' },
]

async function newFile(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-lane-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return join(dir, 'journal.json')
}

function openLane(file: string, more: Pick<LaneOptions, 'carryOut' | 'isStopping'>): Lane {
  return new Lane({ file, nameOf: () => 'it', events: new EventLog(pino({ level: 'silent' })), ...more })
}

function journalOf(): Journal {
  return { from: 1, to: 2, steps: [...steps], done: 0, startedAt: '', primaries: {}, replans: 0 }
}

/** The steps that the next supervisor carries out. */
async function resumed(file: string): Promise<Step[]> {
  const carriedOut: Step[] = []
  const next = openLane(file, { carryOut: async (step) => void carriedOut.push(step) })
  await next.load()
  next.resume()
  await next.idle()
  return carriedOut
}

test('a step that gives up because the supervisor stops is gone on with by the next one', async (t) => {
  const file = await newFile(t)
  const stopping = new AbortController()
  const lane = openLane(file, {
    isStopping: () => stopping.signal.aborted,
    carryOut: async ({ kind }) => {
      if (lane.current?.done === 0) return
      // Told before the lane is: what takes long hears of it first.
      stopping.abort()
      throw new Error(`${kind} was given up`)
    },
  })
  lane.begin(journalOf())
  await lane.idle()
  await lane.stop()
  assert.equal(lane.lastFailure, null)
  assert.deepEqual(await resumed(file), steps.slice(1))
})

test('no step begins once the supervisor is about to stop', async (t) => {
  const file = await newFile(t)
  const stopping = new AbortController()
  const carriedOut: Step[] = []
  const lane = openLane(file, {
    isStopping: () => stopping.signal.aborted,
    carryOut: async (step) => {
      carriedOut.push(step)
      stopping.abort()
    },
  })
  lane.begin(journalOf())
  await lane.idle()
  assert.deepEqual(carriedOut, steps.slice(0, 1))
  assert.deepEqual(await resumed(file), steps.slice(1))
})

test('a step that fails ends the plan, for the next supervisor too', async (t) => {
  const file = await newFile(t)
  const lane = openLane(file, {
    isStopping: () => false,
    carryOut: async () => {
      throw new Error('failed')
    },
  })
  lane.begin(journalOf())
  await lane.idle()
  assert.equal(lane.lastFailure, 'failed')
  assert.deepEqual(await resumed(file), [])
})
