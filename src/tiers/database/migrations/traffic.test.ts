// Migrations against a real server: what would stop the app is refused before it runs, and stopped when it was not seen
// before.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import { connectAs } from '../../../programs/postgres/testing.ts'
import { type MigrationBench, startMigrationBench } from './testing.ts'

describe('migrations beside traffic', () => {
  let bench: MigrationBench
  before(async () => {
    bench = await startMigrationBench()
  })
  after(() => bench?.stop())
  beforeEach(() => bench.reset())

  const refused = (message: RegExp) => assert.rejects(bench.migrate(), { code: 'bad-input', message })

  test('judge all files before the first of them is applied', async () => {
    await bench.makeBig('big')
    await bench.write('1.sql', 'CREATE TABLE a (x int)')
    await bench.write('2.sql', 'ALTER TABLE big ADD COLUMN y int;\n\nALTER TABLE big ALTER COLUMN id TYPE bigint;')
    await bench.write('3.sql', 'CREATE INDEX ON big (n)')
    await assert.rejects(bench.migrate(), (error: Error) => {
      assert.match(error.message, /^2 statements would keep the app waiting; nothing was applied/)
      assert.match(
        error.message,
        /app\/2\.sql, line 3: ALTER COLUMN id TYPE int8 writes the whole table big \(1\d MB\) anew under ACCESS EXCLUSIVE/,
      )
      assert.match(error.message, /app\/3\.sql, line 1: CREATE INDEX holds SHARE/)
      assert.match(error.message, /CREATE INDEX CONCURRENTLY big_by_n ON big \(n\)/)
      return true
    })
    assert.deepEqual(await bench.rows(`SELECT FROM pg_tables WHERE tablename = 'a'`), [])
  })

  test('take what was proven by an earlier file, applied or pending', async () => {
    await bench.makeBig('big')
    await bench.write('1.sql', 'ALTER TABLE big ADD CONSTRAINT c NOT NULL n NOT VALID')
    await bench.migrate()
    await bench.write('2.sql', 'ALTER TABLE big ALTER n SET NOT NULL')
    await refused(/SET NOT NULL of n reads the whole table/)
    await bench.write('2.sql', 'ALTER TABLE big VALIDATE CONSTRAINT c')
    await bench.write('3.sql', 'ALTER TABLE big ALTER n SET NOT NULL')
    await bench.migrate()
    await bench.write('4.sql', 'ALTER TABLE big ADD CONSTRAINT d CHECK (name IS NOT NULL) NOT VALID')
    await bench.migrate()
    await bench.write('5.sql', 'ALTER TABLE big VALIDATE CONSTRAINT d; ALTER TABLE big ALTER name SET NOT NULL')
    assert.deepEqual(await bench.migrate(), { applied: ['app/5.sql'] })
  })

  test('ask PostgreSQL how many rows a change finds', async () => {
    await bench.makeBig('big')
    await bench.write('1.sql', 'UPDATE big SET n = 0 WHERE id = 3; DELETE FROM big WHERE id < 5')
    await bench.migrate()
    await bench.write('2.sql', 'UPDATE big SET n = 0 WHERE id > 3')
    await refused(/UPDATE changes many rows of big .* in one transaction/)
    await bench.write('2.sql', 'ALTER TABLE big ADD COLUMN m int; UPDATE big SET m = 0 WHERE m IS NULL')
    await refused(/UPDATE changes many rows/)
  })

  const hidden: Array<[what: string, did: RegExp, body: string]> = [
    ['rewrite', /began to write the whole table anew of big/, 'ALTER TABLE big ALTER COLUMN id TYPE bigint'],
    ['scan', /began to read the whole table of big/, 'ALTER TABLE big ADD CHECK (id > 0)'],
    ['scan', /began to read the whole table of big/, 'ALTER TABLE big ALTER n SET NOT NULL'],
    ['build', /began to build an index of big/, 'CREATE INDEX hidden ON big (name)'],
  ]
  for (const [danger, message, sql] of hidden)
    test(`stop a ${danger} that no rule could see, when PostgreSQL begins it: ${sql}`, async () => {
      await bench.makeBig('big')
      const block = `DO $$ BEGIN EXECUTE '${sql}'; END $$`
      await bench.write('1.sql', `CREATE TABLE a (x int); ${block}`)
      await refused(message)
      assert.deepEqual(await bench.rows(`SELECT FROM pg_tables WHERE tablename = 'a'`), [])
      await bench.write('1.sql', `-- tenfold: allow ${danger} of big: tried on a copy\n${block}`)
      assert.deepEqual(await bench.migrate(), { applied: ['app/1.sql'] })
    })

  test('stop a hidden foreign key between two large tables, and let a new table refer to one', async () => {
    await bench.makeBig('big')
    await bench.makeBig('large')
    await bench.write('1.sql', `DO $$ BEGIN EXECUTE 'ALTER TABLE big ADD FOREIGN KEY (id) REFERENCES large'; END $$`)
    await refused(/began to read the whole table of (big|large)/)
    await bench.write(
      '1.sql',
      'CREATE TABLE a (id int); INSERT INTO a VALUES (1); ALTER TABLE a ADD FOREIGN KEY (id) REFERENCES big; CREATE TABLE b (id int REFERENCES large)',
    )
    assert.deepEqual(await bench.migrate(), { applied: ['app/1.sql'] })
  })

  test('leave small tables and the work beside traffic alone', async () => {
    await bench.write('1.sql', 'CREATE TABLE small (x int); INSERT INTO small VALUES (1)')
    await bench.migrate()
    await bench.write(
      '2.sql',
      `DO $$ BEGIN EXECUTE 'ALTER TABLE small ALTER x TYPE bigint'; END $$; CREATE INDEX ON small (x); TRUNCATE small`,
    )
    await bench.migrate()
    await bench.makeBig('big')
    await bench.write(
      '3.sql',
      'ALTER TABLE big ADD CONSTRAINT c CHECK (id > 0) NOT VALID; ALTER TABLE big VALIDATE CONSTRAINT c',
    )
    await bench.migrate()
    await bench.write('4.sql', 'TRUNCATE big')
    await bench.migrate()
    assert.ok(bench.said.some((line) => /TRUNCATE takes all rows of big/.test(line)))
  })

  test('stop whatever keeps the app waiting for longer than two seconds', async () => {
    await bench.write('1.sql', 'CREATE TABLE a (x int)')
    await bench.migrate()
    await bench.write('2.sql', 'ALTER TABLE a ADD COLUMN y int; SELECT pg_sleep(20)')
    await using app = await connectAs(bench.server, 'app')
    const running = bench.migrate()
    running.catch(() => {})
    await waitUntil(
      async () =>
        (
          await bench.rows(
            `SELECT FROM pg_locks WHERE relation = 'a'::regclass AND mode = 'AccessExclusiveLock' AND granted`,
          )
        )[0],
      { what: 'the lock', timeoutMs: 5000 },
    )
    const started = performance.now()
    await app.query('SELECT count(*) FROM a')
    const waitedMs = performance.now() - started
    await assert.rejects(running, {
      code: 'bad-input',
      message: /it kept .*the app.* waiting for a for 2\d\d\d ms, the limit is 2000 ms/,
    })
    assert.ok(waitedMs > 1500 && waitedMs < 5000, `waited ${waitedMs} ms`)
    assert.deepEqual(await bench.rows(`SELECT FROM pg_attribute WHERE attrelid = 'a'::regclass AND attname = 'y'`), [])
  })

  test('let a file take its time when nobody waits for it', async () => {
    await bench.write('1.sql', 'CREATE TABLE a (x int)')
    await bench.migrate()
    await bench.write('2.sql', 'ALTER TABLE a ADD COLUMN y int; SELECT pg_sleep(2.5)')
    assert.deepEqual(await bench.migrate(), { applied: ['app/2.sql'] })
  })

  test('say who is in the way when no lock was to be had', async () => {
    await bench.write('1.sql', 'CREATE TABLE a (x int)')
    await bench.migrate()
    await using app = await connectAs(bench.server, 'app')
    await app.query(`SET application_name = 'a slow report'; BEGIN; SELECT count(*) FROM a`)
    await bench.write('2.sql', 'ALTER TABLE a ADD COLUMN y int')
    const { rows } = await app.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await assert.rejects(bench.migrate({ patienceMs: 1500 }), {
      code: 'conflict',
      message: new RegExp(`app/2.sql got no lock in \\d+ attempts of 500 ms: pid ${rows[0]?.pid} \\(a slow report`),
    })
    await app.query('COMMIT')
    assert.deepEqual(await bench.migrate(), { applied: ['app/2.sql'] })
  })

  test('be the one that goes in a deadlock with the app', async () => {
    await bench.write('1.sql', 'CREATE TABLE a (x int); CREATE TABLE b (x int)')
    await bench.migrate()
    await using app = await connectAs(bench.server, 'app')
    await app.query('BEGIN; SELECT count(*) FROM a')
    await bench.write('2.sql', 'ALTER TABLE b ADD COLUMN y int; ALTER TABLE a ADD COLUMN y int')
    const running = bench.migrate()
    const holdsB = async () =>
      (
        await bench.rows(
          `SELECT FROM pg_locks WHERE relation = 'b'::regclass AND mode = 'AccessExclusiveLock' AND granted`,
        )
      )[0]
    await waitUntil(holdsB, { what: 'the lock', timeoutMs: 5000, intervalMs: 5 })
    await app.query('SELECT count(*) FROM b') // waits for the migration, which waits for us
    await app.query('COMMIT')
    assert.deepEqual(await running, { applied: ['app/2.sql'] })
  })

  test('tell without doing it what would be refused', async () => {
    await bench.makeBig('big')
    await bench.write('1.sql', 'CREATE TABLE a (x int); CREATE INDEX ON big (n); ALTER TABLE big DROP COLUMN n')
    const { pending, verdicts } = await bench.check()
    assert.deepEqual(pending, ['app/1.sql'])
    assert.deepEqual(
      verdicts.map(({ verdict, danger, table }) => [verdict, danger, table]),
      [
        ['refuse', 'build', 'big'],
        ['warn', 'removal', 'big'],
      ],
    )
    assert.deepEqual(await bench.rows(`SELECT FROM pg_tables WHERE tablename = 'a'`), [])
  })

  test('forget the settings of one file before the next', async () => {
    await bench.write('1.sql', 'CREATE SCHEMA s; SET search_path = s; CREATE TABLE a (x int)')
    await bench.write('2.sql', 'CREATE TABLE b (x int)')
    await bench.migrate()
    const names = await bench.rows<{ name: string }>(
      `SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE tablename IN ('a', 'b') ORDER BY 1`,
    )
    assert.deepEqual(
      names.map(({ name }) => name),
      ['public.b', 's.a'],
    )
  })
})
