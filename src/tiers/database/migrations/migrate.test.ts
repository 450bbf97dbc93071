// Migrations against a real server: once, whole or not at all, and refused with advice.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { startTestPostgres, type TestPostgres } from '../../../programs/postgres/testing.ts'
import { migrate } from './migrate.ts'
import { OwnerConnection } from './owner-connection.ts'

describe('migrations', () => {
  let server: TestPostgres
  let dir: string
  let owner: OwnerConnection
  before(async () => {
    server = await startTestPostgres()
  })
  after(() => server?.stop())
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tenfold-migrations-'))
    await server.admin.query('DROP DATABASE app WITH (FORCE)')
    await server.admin.query('CREATE DATABASE app OWNER owner')
    owner = await OwnerConnection.open(connection())
  })
  afterEach(async () => {
    await owner.close()
    await rm(dir, { recursive: true })
  })

  const connection = () => {
    const { address, port, secrets } = server
    return { address, port, password: secrets.owner }
  }
  const write = (name: string, sql: string) => writeFile(join(dir, name), sql)
  const run = () => migrate({ connection: connection(), sources: [{ name: 'app', dir }] })
  const tables = async () =>
    (
      await owner.query<{ name: string }>(
        `SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname = 'public' OR schemaname LIKE 'slot%' ORDER BY 1`,
      )
    ).map(({ name }) => name)
  const refuses = async (sql: string, message: RegExp) => {
    await write('1.sql', sql)
    await assert.rejects(run(), { code: 'bad-input', message })
    assert.deepEqual(await tables(), [])
  }

  test('apply each file once, in the order of their names', async () => {
    await write('2.sql', 'ALTER TABLE a ADD COLUMN y int')
    await write('1.sql', 'CREATE TABLE a (x int)')
    assert.deepEqual(await run(), { applied: ['app/1.sql', 'app/2.sql'] })
    await write('3.sql', 'ALTER TABLE a ADD COLUMN z int')
    assert.deepEqual(await run(), { applied: ['app/3.sql'] })
    assert.deepEqual(await run(), { applied: [] })
  })

  test('give every sharded table its 64 leaves, and indexes that come later too', async () => {
    await write(
      '1.sql',
      'CREATE TABLE photos (user_id bigint, id uuid DEFAULT uuidv7(), PRIMARY KEY (user_id, id)) PARTITION BY HASH (user_id); CREATE TABLE plain (x int)',
    )
    await write('2.sql', 'CREATE INDEX by_id ON photos (id)')
    await run()
    const names = await tables()
    assert.equal(names.length, 66)
    assert.ok(names.includes('slot_000.photos') && names.includes('slot_063.photos') && names.includes('public.plain'))
    const [row] = await owner.query<{ count: number }>(
      `SELECT count(*)::int FROM pg_indexes WHERE schemaname LIKE 'slot%' AND indexdef LIKE '%(id)'`,
    )
    assert.equal(row?.count, 64)
  })

  test('name file and line of what fails, and leave nothing of the file behind', async () => {
    await write(
      '1.sql',
      'CREATE TABLE good (x int);\n-- é and 🦊 count as one character each\nCREATE TABLE bad (\n  x nonsense\n);',
    )
    await assert.rejects(run(), { code: 'bad-input', message: /app\/1\.sql, line 4: type "nonsense" does not exist/ })
    assert.deepEqual(await tables(), [])
    await write('1.sql', 'CREATE TABLE good (x int)')
    assert.deepEqual(await run(), { applied: ['app/1.sql'] })
  })

  test('refuse a file that was changed after it was applied', async () => {
    await write('1.sql', 'CREATE TABLE a (x int)')
    await run()
    await write('1.sql', 'CREATE TABLE a (x bigint)')
    await assert.rejects(run(), { code: 'conflict', message: /app\/1\.sql was changed after it was applied/ })
  })

  test('run once when several processes start at once', async () => {
    await write('1.sql', 'CREATE TABLE a (x int); INSERT INTO a VALUES (1)')
    const results = await Promise.all([run(), run(), run(), run()])
    assert.equal(results.flatMap(({ applied }) => applied).length, 1)
    assert.deepEqual(await owner.query('SELECT x FROM a'), [{ x: 1 }])
  })

  test('wait for a lock briefly, let others pass, and try again', async () => {
    await write('1.sql', 'CREATE TABLE a (x int)')
    await run()
    await owner.query('BEGIN; LOCK TABLE a IN ACCESS SHARE MODE')
    await write('2.sql', 'ALTER TABLE a ADD COLUMN y int')
    const running = run()
    // One that comes while the migration waits is not kept for longer than the migration's own patience.
    const other = await OwnerConnection.open(connection())
    for (let i = 0; i < 5; i++) await other.query('SELECT count(*) FROM a')
    await owner.query('COMMIT')
    assert.deepEqual(await running, { applied: ['app/2.sql'] })
    await other.close()
  })

  test('refuse a file that ends its transaction by itself', async () => {
    await refuses(
      'CREATE TABLE a (x int);\n\ncommit;',
      /line 3: each file is one transaction already; leave out COMMIT/,
    )
  })

  test('refuse counters in sharded tables, with advice', async () => {
    await refuses(
      'CREATE TABLE a (u text, id bigserial, PRIMARY KEY (u, id)) PARTITION BY HASH (u)',
      /table a counts up column id by a sequence.*uuidv7/,
    )
    await refuses(
      'CREATE TABLE a (u text, id bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (u, id)) PARTITION BY HASH (u)',
      /table a counts up column id/,
    )
  })

  test('refuse sharding keys that the router could not hash as PostgreSQL does', async () => {
    await refuses('CREATE TABLE a (u uuid) PARTITION BY HASH (u)', /sharded by u, a uuid: use text/)
    await refuses('CREATE TABLE a (u text, v text) PARTITION BY HASH (u, v)', /more or other than one column/)
    await refuses('CREATE TABLE a (u text) PARTITION BY HASH (lower(u))', /more or other than one column/)
    await refuses(
      'CREATE TABLE a (u text) PARTITION BY HASH (u); CREATE TABLE b (u bigint) PARTITION BY HASH (u)',
      /table b is sharded by int8 but a by text/,
    )
  })

  test('refuse foreign keys that would cross shards, and take those within a slot', async () => {
    const users = 'CREATE TABLE users (u text PRIMARY KEY) PARTITION BY HASH (u);'
    await refuses(`${users} CREATE TABLE a (x int, u text REFERENCES users)`, /a_u_fkey to the sharded table users/)
    await refuses(
      `${users} CREATE TABLE likes (u text, by text REFERENCES users, PRIMARY KEY (u, by)) PARTITION BY HASH (u)`,
      /likes_by_fkey to the sharded table users/,
    )
    await write(
      '1.sql',
      `${users} CREATE TABLE photos (u text REFERENCES users, id text, PRIMARY KEY (u, id)) PARTITION BY HASH (u)`,
    )
    await run()
    await owner.query(`INSERT INTO users VALUES ('ann'); INSERT INTO photos VALUES ('ann', '1')`)
    await assert.rejects(owner.query(`INSERT INTO photos VALUES ('bob', '1')`), { code: '23503' })
  })
})
