// Our own files pass our own check, on a new database and once more beside the tables that are there.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startTestPostgres, type TestPostgres } from '../programs/postgres/testing.ts'
import { checkAll, type MigrateContext, migrateAll } from './migrate-all.ts'

const photos = join(import.meta.dirname, '../../examples/photos/migrations')

describe('migrations of every shard', () => {
  let server: TestPostgres
  let context: MigrateContext
  const said: string[] = []
  before(async () => {
    server = await startTestPostgres()
    const { address, port, secrets } = server
    const map = { version: 1, shards: [{ id: 's1', primary: 'r/p' }], nodes: [{ id: 'r/p', address, port }] }
    context = {
      map: { current: map, refresh: async () => map },
      secrets: { postgres: { owner: secrets.owner } },
      log: { info: ({ shard }: { shard: string }, line: string) => said.push(`${shard} ${line}`) },
    } as unknown as MigrateContext
  })
  after(() => server?.stop())

  test('take the tiers’ and the sample’s files, once, without a warning', async () => {
    const [check] = await checkAll(context, photos)
    assert.deepEqual(check?.verdicts, [])
    const [done] = await migrateAll(context, photos)
    assert.deepEqual(done?.applied, check?.pending)
    assert.ok(done?.applied.includes('app/0001_start.sql') && done.applied.includes('tenfold-queue/0001-jobs.sql'))
    assert.ok(
      said.every((line) => /^s1 migration \S+?(: step \d+ of \d+)?$/.test(line)),
      said.join('\n'),
    )
    assert.deepEqual(await migrateAll(context, photos), [{ shard: 's1', applied: [] }])
    assert.deepEqual(await checkAll(context, photos), [{ shard: 's1', pending: [], verdicts: [] }])
  })

  test('name the shard’s trouble when it has no primary, or when nothing answers there', async () => {
    const nowhere = { ...context, map: { ...context.map, current: { ...context.map.current, nodes: [] } } }
    await assert.rejects(migrateAll(nowhere, photos), { code: 'unavailable', message: /shard s1 has no primary/ })
  })
})
