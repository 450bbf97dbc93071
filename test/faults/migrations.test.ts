// Migrations under an app's traffic, and their process killed in the middle: nobody waits long, nothing fails, and the next
// run goes on to a whole end. Times are reported; asserted is only that nobody waited for as long as the unsafe form takes.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitUntil } from '../../src/base/limits.ts'
import { migrateAll } from '../../src/processes/migrate-all.ts'
import {
  connectAs,
  startTestPostgres,
  startTestReplica,
  type TestPostgres,
} from '../../src/programs/postgres/testing.ts'
import { migrate } from '../../src/tiers/database/migrations/migrate.ts'
import { startMigratingProcess } from './migrations/migrating-process.ts'
import { startTraffic, type Traffic } from './migrations/traffic.ts'

const waitMsMax = 5_000
const timeoutMs = 120_000
const schema = `
  CREATE TABLE photos (user_id text COLLATE "C", id int, likes int NOT NULL DEFAULT 0, caption text, PRIMARY KEY (user_id, id))
    PARTITION BY HASH (user_id)`
const fill = (rows: number) =>
  `INSERT INTO photos SELECT 'user ' || i, i, 0, repeat('words ', 30) || i FROM generate_series(1, ${rows}) AS i; ANALYZE photos`

let server: TestPostgres
let dir: string
let traffic: Traffic
let owner: Awaited<ReturnType<typeof connectAs>>
let files = 0

before(async () => {
  server = await startTestPostgres()
  dir = await mkdtemp(join(tmpdir(), 'tenfold-migrations-'))
  await write(schema)
  await run()
  owner = await connectAs(server, 'owner')
  await owner.query(fill(100_000))
  traffic = await startTraffic(server, { writers: 8, readers: 4 })
})

after(async () => {
  await traffic?.stop()
  await owner?.[Symbol.asyncDispose]()
  await server?.stop()
  await rm(dir, { recursive: true, force: true })
})

function write(sql: string): Promise<void> {
  return writeFile(join(dir, `${String(++files).padStart(4, '0')}.sql`), sql)
}

function run(): Promise<{ applied: string[] }> {
  const { address, port, secrets } = server
  return migrate({ connection: { address, port, password: secrets.owner }, sources: [{ name: 'app', dir }] })
}

async function one<Row>(sql: string): Promise<Row> {
  return (await owner.query(sql)).rows[0] as Row
}

const builtLeaves = async (index: string) =>
  (
    await one<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relname = '${index}' AND c.relkind = 'i' AND i.indisvalid`,
    )
  ).n

async function assertWhole(index: string): Promise<void> {
  assert.equal(await builtLeaves(index), 64)
  assert.deepEqual((await owner.query('SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid')).rows, [])
  assert.deepEqual((await owner.query('SELECT * FROM tenfold.migration_steps')).rows, [])
}

function assertUndisturbed(): void {
  assert.deepEqual(traffic.errors, [])
  assert.ok(traffic.longestMs < waitMsMax, `a statement waited ${Math.round(traffic.longestMs)} ms`)
}

test('columns, constraints, indexes and a backfill beside 8 writers and 4 readers, a slow report in the way', async (t) => {
  await write(
    `ALTER TABLE photos ADD COLUMN words int; ALTER TABLE photos ADD CONSTRAINT likes_positive CHECK (likes >= 0) NOT VALID`,
  )
  await write(`
    CREATE INDEX CONCURRENTLY photos_by_caption ON photos (caption, id);
    ALTER TABLE photos VALIDATE CONSTRAINT likes_positive;
    -- tenfold: batch of 1000
    UPDATE photos SET words = length(caption) / 6 WHERE words IS NULL;
    ALTER TABLE photos ADD CONSTRAINT words_known NOT NULL words NOT VALID;
    ALTER TABLE photos VALIDATE CONSTRAINT words_known`)
  const before = traffic.statements
  traffic.beginPhase()
  await using report = await connectAs(server, 'app')
  await report.query('BEGIN; SELECT count(*) FROM slot_001.photos')
  const began = performance.now()
  const migrating = run()
  setTimeout(() => void report.query('COMMIT').catch(() => {}), 3000)
  assert.equal((await migrating).applied.length, 2)
  t.diagnostic(
    `${Math.round(performance.now() - began)} ms, ${traffic.statements - before} statements beside it, the longest waited ${Math.round(traffic.longestMs)} ms`,
  )
  assertUndisturbed()
  assert.ok(traffic.statements - before > 100, 'there was no traffic')
  await assertWhole('photos_by_caption')
  assert.deepEqual(await one('SELECT count(*)::int AS n FROM photos WHERE words IS NULL'), { n: 0 })
})

test('kill -9 in the middle of a build on the leaves, three times, and the next run ends it', async (t) => {
  await write('CREATE INDEX CONCURRENTLY photos_by_size ON photos (length(caption), md5(caption), md5(caption || 1))')
  traffic.beginPhase()
  for (const leaves of [3, 20, 45]) {
    const process = startMigratingProcess(server, dir)
    await waitUntil(async () => (await builtLeaves('photos_by_size')) >= leaves, {
      what: `${leaves} leaves (${process.output()})`,
      timeoutMs,
      intervalMs: 5,
    })
    process.child.kill('SIGKILL')
    assert.equal(await process.ended, null, process.output())
  }
  const built = await builtLeaves('photos_by_size')
  const last = startMigratingProcess(server, dir)
  assert.equal(await last.ended, 0, last.output())
  const [, done] = /index photos_by_size: 0 of (\d+) leaves/.exec(last.output()) ?? []
  t.diagnostic(
    `the last run found ${built} leaves built and had ${done} to look at; the longest wait ${Math.round(traffic.longestMs)} ms`,
  )
  assert.ok(Number(done) <= 64 - 40, `it began anew: ${done} leaves`)
  assertUndisturbed()
  await assertWhole('photos_by_size')
})

test('kill -9 in the middle of a backfill, and every row is changed once', async (t) => {
  await write(`ALTER TABLE photos ADD COLUMN code text; ALTER TABLE photos ADD COLUMN changes int NOT NULL DEFAULT 0`)
  await run()
  await write(
    '-- tenfold: batch of 200\nUPDATE photos SET code = md5(caption), changes = changes + 1 WHERE code IS NULL',
  )
  traffic.beginPhase()
  for (const rows of [5_000, 40_000]) {
    const process = startMigratingProcess(server, dir)
    await waitUntil(async () => (await one<{ n: number }>('SELECT count(code)::int AS n FROM photos')).n >= rows, {
      what: `${rows} rows (${process.output()})`,
      timeoutMs,
    })
    process.child.kill('SIGKILL')
    assert.equal(await process.ended, null, process.output())
  }
  await run()
  t.diagnostic(`the longest wait ${Math.round(traffic.longestMs)} ms`)
  assertUndisturbed()
  assert.deepEqual(await one('SELECT count(*)::int AS n FROM photos WHERE changes = 1 AND code = md5(caption)'), {
    n: 100_000,
  })
})

test('the primary dies in the middle of a build, and the migration ends on the next one', async () => {
  const primary = await startTestPostgres()
  try {
    const { address, port, secrets } = primary
    const start = await mkdtemp(join(dir, 'failover-'))
    await writeFile(join(start, '1.sql'), schema)
    const at = (server: { address: string; port: number }) => ({
      version: 1,
      nodes: [{ id: 'r/postgres', address: server.address, port: server.port }],
      shards: [{ id: 's1', primary: 'r/postgres' }],
    })
    let current = at({ address, port })
    const context = {
      map: {
        get current() {
          return current
        },
        refresh: async () => current,
      },
      secrets: { postgres: { owner: secrets.owner } },
      log: { info: () => {} },
    } as unknown as Parameters<typeof migrateAll>[0]
    await migrateAll(context, start)
    await using old = await connectAs(primary, 'owner')
    await old.query(fill(20_000))
    await primary.admin.createSlot('replica')
    await using replica = await startTestReplica(primary, { slot: 'replica' })
    await writeFile(
      join(start, '2.sql'),
      'CREATE INDEX CONCURRENTLY photos_by_size ON photos (length(caption), md5(caption), md5(caption || 1))',
    )
    const migrating = migrateAll(context, start)
    await waitUntil(
      async () =>
        (
          await old.query(
            `SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = 'photos_by_size' AND c.relkind = 'i' AND i.indisvalid`,
          )
        ).rows.length > 15,
      { what: 'some leaves', timeoutMs, intervalMs: 5 },
    )
    process.kill(primary.pid, 'SIGKILL')
    await replica.admin.promote()
    current = at(replica)
    const [shard] = await migrating
    assert.deepEqual(shard?.applied, ['app/2.sql'])
    await using now = await connectAs(replica, 'owner')
    const { rows } = await now.query(
      `SELECT i.indisvalid AS valid, count(*)::int AS n FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = 'photos_by_size' GROUP BY 1`,
    )
    assert.deepEqual(rows, [{ valid: true, n: 65 }])
  } finally {
    await primary.stop()
  }
})
