// Jobs that wait in PostgreSQL go to where they are published, queue by queue.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TenfoldError } from '../../../../base/errors.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { startTestDatabase } from '../../../database/testing.ts'
import { openPostgresQueue } from '../postgres/engine.ts'
import { jetStreamLimits } from './options.ts'
import { Relay } from './relay.ts'
import { queueSql } from './testing.ts'

test('a queue whose jobs no server takes keeps those of the others from nothing', async (t) => {
  const database = await startTestDatabase({ sql: await queueSql() })
  t.after(() => database.stop())
  const shards = () => database.db.shards()
  const postgres = openPostgresQueue(shards)
  t.after(() => postgres.close())
  const published: string[] = []
  let tries = 0
  const relay = new Relay({
    ...{ postgres, shards, limits: jetStreamLimits, log: { warn() {} } },
    ...{ holder: () => 'relay', isUp: () => true, look: async () => {}, sweep: async () => {} },
    publish: async (jobs) => {
      for (const { job } of jobs) {
        if (job.queue === 'b.stuck' && ++tries) throw new TenfoldError('unavailable', 'nobody leads its lane')
        published.push(job.queue)
      }
    },
  })
  for (const queue of ['b.stuck', 'a', 'c']) await postgres.publish([{ queue, body: '{}', options: {} }])
  const startedAt = performance.now()
  relay.start()
  t.after(() => relay.stop())
  const relayed = () => published.includes('a') && published.includes('c')
  await waitUntil(relayed, { what: 'the others', timeoutMs: 20_000 })
  const left = async () => (await postgres.depth()).map(({ queue, waiting, leased }) => [queue, waiting + leased])
  await waitUntil(async () => (await left()).length === 1, { what: 'what is left', timeoutMs: 20_000 })
  assert.deepEqual(await left(), [['b.stuck', 1]])
  await waitUntil(() => tries > 1, { what: 'another try', timeoutMs: 20_000 })
  assert.ok(tries <= 2 + (performance.now() - startedAt) / jetStreamLimits.relayMs, `${tries} tries`)
})
