// Dead letters: kept once, listed page by page over all shards, and published again so that a crash in between loses none
// and doubles none.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, it } from 'node:test'
import { waitUntil } from '../../../../../base/limits.ts'
import { startTestDatabase, type TestDatabase } from '../../../../database/testing.ts'
import type { NewJob, QueueEngine, TakenJob } from '../../../contract.ts'
import type { DeadLetter, JobLedger } from '../../../ledger/contract.ts'
import { redrive } from '../../../ledger/redrive.ts'
import { openPostgresQueue } from '../engine.ts'
import { queueSql } from '../testing.ts'
import { openJobLedger } from './ledger.ts'

let database: TestDatabase
let ledger: JobLedger
let engine: QueueEngine

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  ledger = openJobLedger(() => database.db.shards())
  engine = openPostgresQueue(() => database.db.shards())
})

after(async () => {
  await engine.close()
  await database.stop()
})

function letter(queue: string, n: number, more: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id: randomUUID(),
    queue,
    payload: { n },
    attempt: 3,
    publishedAt: new Date(1_700_000_000_000 + n),
    diedAt: new Date(1_800_000_000_000 + n),
    reason: `reason ${n}`,
    key: undefined,
    priority: 0,
    trace: undefined,
    failures: [{ attempt: 3, at: new Date(1_800_000_000_000), reason: 'it failed', holder: 'r/worker-1' }],
    ...more,
  }
}

it('keeps each once, as it was; pages go from the newest to the oldest and miss none, of one time neither', async () => {
  const queue = randomUUID()
  const letters = Array.from({ length: 10 }, (_, n) => letter(queue, Math.floor(n / 4), { key: 'k', priority: 7 }))
  await ledger.deadLetters.bury(letters)
  await ledger.deadLetters.bury(letters.map((each) => ({ ...each, reason: 'again' })))
  const listed: DeadLetter[] = []
  let before: string | undefined
  do {
    const page = await ledger.deadLetters.list({ queue, limit: 3, ...(before !== undefined && { before }) })
    assert.ok(page.letters.length <= 3)
    listed.push(...page.letters)
    before = page.next
  } while (before !== undefined)
  const byId = (a: DeadLetter, b: DeadLetter) => (a.id < b.id ? -1 : 1)
  assert.deepEqual(listed.toSorted(byId), letters.toSorted(byId))
  const times = listed.map(({ diedAt }) => diedAt.getTime())
  assert.deepEqual(
    times,
    times.toSorted((a, b) => b - a),
  )
  assert.equal(await ledger.deadLetters.drop([letters[0]?.id as string, randomUUID()]), 1)
  assert.equal((await ledger.deadLetters.find(letters.map(({ id }) => id))).length, 9)
})

it('is published again once, whoever tries at the same time, or died before it was dropped', async () => {
  const queue = randomUUID()
  const letters = [0, 1, 2].map((n) => letter(queue, n))
  await ledger.deadLetters.bury(letters)
  const ids = letters.map(({ id }) => id)
  // One that dies between the publish and the drop.
  const dying = {
    publish: async (jobs: readonly NewJob[]) => {
      await engine.publish(jobs)
      throw new Error('killed')
    },
  }
  await assert.rejects(redrive(dying, ledger.deadLetters, ids), /killed/)
  assert.equal((await ledger.deadLetters.find(ids)).length, 3)
  const taken: TakenJob[] = []
  // What others publish at the same time may be seen a moment later.
  const take = (count: number) =>
    waitUntil(
      async () => {
        taken.push(...(await engine.take({ queue, max: 10, leaseMs: 60_000, holder: 'a' })))
        return taken.length >= count
      },
      { what: `${count} jobs`, timeoutMs: 20_000 },
    )
  await take(3)
  await engine.done(taken.slice(0, 1))
  await Promise.all([1, 2, 3].map(() => redrive(engine, ledger.deadLetters, ids)))
  assert.deepEqual(await redrive(engine, ledger.deadLetters, ids), [])
  assert.equal((await ledger.deadLetters.find(ids)).length, 0)
  await engine.publish([{ queue, body: '{"n":3}', options: {} }])
  await take(4)
  assert.deepEqual(taken.map(({ payload, attempt }) => [payload['n'], attempt]).toSorted(), [
    [0, 1],
    [1, 1],
    [2, 1],
    [3, 1],
  ])
})
