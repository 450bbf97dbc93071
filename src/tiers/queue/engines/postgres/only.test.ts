// Takers of jobs with a key only, and of those without: what an engine that stands on this one asks for.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import type { NewJob, QueueEngine, TakeRequest } from '../../contract.ts'
import { openPostgresQueue } from './engine.ts'
import { queueSql } from './testing.ts'

const timeoutMs = 20_000
let database: TestDatabase
let engine: QueueEngine

before(async () => {
  database = await startTestDatabase({ sql: await queueSql() })
  engine = openPostgresQueue(() => database.db.shards())
})

after(async () => {
  await engine?.close()
  await database?.stop()
})

const jobOf = (queue: string, n: number, options: NewJob['options'] = {}): NewJob => ({
  ...{ queue, body: JSON.stringify({ n }), options },
})

/** The numbers of so many jobs, each of which is done before the next are taken. */
async function takeAndEnd(queue: string, only: TakeRequest['only'], count: number, max = 3): Promise<unknown[]> {
  const seen: unknown[] = []
  const some = async () => {
    const jobs = await engine.take({ queue, max, leaseMs: 60_000, holder: 'h', ...(only && { only }) })
    await engine.done(jobs)
    return seen.push(...jobs.map(({ payload }) => payload['n'])) >= count
  }
  await waitUntil(some, { what: `${count} jobs`, timeoutMs })
  return seen
}

it('each finds its own, also delayed ones, those of other priorities and those of a key that was freed', async () => {
  const queue = `only.${randomUUID()}`
  await engine.publish([
    ...[0, 1, 2, 3, 4, 5].map((n) => jobOf(queue, n, n % 2 === 0 ? { key: 'k' } : {})),
    jobOf(queue, 6, { key: 'other', delayMs: 100 }),
    jobOf(queue, 7, { delayMs: 100 }),
    jobOf(queue, 8, { key: 'first', priority: 5 }),
    jobOf(queue, 9, { priority: 5 }),
  ])
  const unkeyed = await takeAndEnd(queue, 'unkeyed', 5)
  assert.deepEqual(unkeyed.toSorted(), [1, 3, 5, 7, 9])
  const keyed = await takeAndEnd(queue, 'keyed', 5)
  assert.deepEqual(keyed.toSorted(), [0, 2, 4, 6, 8])
  assert.deepEqual(
    keyed.filter((n) => n === 0 || n === 2 || n === 4),
    [0, 2, 4],
    'in their order',
  )
  assert.deepEqual(await takeAndEnd(queue, undefined, 0), [])
})

it('one finds what the other one left behind it, behind more than a claim looks at', async () => {
  const queue = `behind.${randomUUID()}`
  const many = Array.from({ length: 10_000 }, (_, n) => jobOf(queue, n))
  const keyed = Array.from({ length: 2000 }, (_, n) => jobOf(queue, n, { key: 'k' }))
  await engine.publish(many)
  await engine.publish([jobOf(queue, -1, { key: 'last' }), ...keyed, jobOf(queue, -2)])
  assert.deepEqual((await takeAndEnd(queue, 'keyed', 2, 2)).slice(0, 2).sort(), [-1, 0])
  const seen = await takeAndEnd(queue, 'unkeyed', 10_001, 2000)
  assert.deepEqual([seen.length, seen.at(-1)], [10_001, -2])
})
