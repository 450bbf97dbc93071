// Files that go step by step, against a real server: concurrent builds on plain and sharded tables, validations,
// backfills in batches; each taken up where it was left.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import { PostgresConnection } from '../../../programs/postgres/connection.ts'
import { connectAs } from '../../../programs/postgres/testing.ts'
import { type MigrationBench, startMigrationBench } from './testing.ts'

const sharded = `
  CREATE TABLE photos (user_id text COLLATE "C", id int, caption text, PRIMARY KEY (user_id, id)) PARTITION BY HASH (user_id);
  CREATE TABLE captions (user_id text COLLATE "C", id int, caption text, PRIMARY KEY (user_id, id)) PARTITION BY HASH (user_id)`
const fill = `INSERT INTO photos SELECT 'user ' || i, i, 'Caption ' || i FROM generate_series(1, 2000) AS i`

describe('migrations step by step', () => {
  let bench: MigrationBench
  before(async () => {
    bench = await startMigrationBench()
  })
  after(() => bench?.stop())
  beforeEach(() => bench.reset())

  const indexes = async (name: string) =>
    bench.rows<{ on: string; valid: boolean }>(
      `SELECT i.indrelid::regclass::text AS on, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relname = '${name}' ORDER BY 1`,
    )
  const invalid = () => bench.rows(`SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid`)
  const steps = () => bench.rows('SELECT step, is_done FROM tenfold.migration_steps ORDER BY step')
  const startSharded = async () => {
    await bench.write('0.sql', sharded)
    await bench.migrate()
    await bench.owner.query(fill)
  }

  test('build an index of a plain table, saying for whom it waits', async () => {
    await bench.makeBig('big')
    await using app = await connectAs(bench.server, 'app')
    await app.query(`SET application_name = 'a slow report'; BEGIN; UPDATE big SET n = n WHERE id = 1`)
    await bench.write('1.sql', 'CREATE INDEX CONCURRENTLY big_n ON big (n); CREATE TABLE after_it (x int)')
    const running = bench.migrate()
    const waits = () =>
      bench.said.some((line) => /index of big: waiting .*, waits for pid \d+ \(a slow report\)/.test(line))
    await waitUntil(waits, { what: 'a word of the report', timeoutMs: 20_000 })
    await app.query('COMMIT')
    await running
    assert.deepEqual(await indexes('big_n'), [{ on: 'big', valid: true }])
    assert.deepEqual(await steps(), [])
  })

  test('build one index on all 64 leaves, as if PostgreSQL could', async () => {
    await startSharded()
    const three = `
      CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "by User" ON ONLY photos (user_id, id);
      CREATE INDEX /* on photos (x) */ CONCURRENTLY by_caption ON public . "photos" USING btree (lower(caption), id) INCLUDE (user_id) WHERE id > 0;
      CREATE UNIQUE INDEX CONCURRENTLY by_both ON photos (user_id, caption)`
    await bench.write('1.sql', three)
    // ONLY means the parent alone; PostgreSQL refuses that, and so it is not taken for the leaves.
    await assert.rejects(bench.migrate(), { code: 'bad-input', message: /cannot create index on partitioned table/ })
    await bench.write('1.sql', three.replace('ON ONLY', 'ON'))
    await bench.migrate()
    for (const name of ['by_caption', 'by_both', 'by User']) {
      const found = await indexes(name)
      assert.equal(found.length, 65, name)
      assert.ok(
        found.every(({ valid }) => valid),
        name,
      )
    }
    const [definition] = await bench.rows<{ sql: string }>(
      `SELECT pg_get_indexdef('slot_007.by_caption'::regclass) AS sql`,
    )
    assert.match(
      definition?.sql ?? '',
      /ON slot_007\.photos USING btree \(lower\(caption\), id\) INCLUDE \(user_id\) WHERE \(id > 0\)/,
    )
    await assert.rejects(bench.owner.query(`INSERT INTO photos VALUES ('user 1', 9999, 'Caption 1')`), {
      code: '23505',
    })
    await bench.write('2.sql', 'DROP INDEX CONCURRENTLY by_caption; DROP INDEX CONCURRENTLY IF EXISTS by_nothing')
    await bench.migrate()
    assert.deepEqual(await indexes('by_caption'), [])
  })

  test('leave nothing of a unique index that the rows forbid', async () => {
    await startSharded()
    await bench.owner.query(`INSERT INTO photos VALUES ('user 1', 5000, 'Caption 1')`)
    await bench.write('1.sql', 'CREATE UNIQUE INDEX CONCURRENTLY by_both ON photos (user_id, caption)')
    await assert.rejects(bench.migrate(), {
      code: 'bad-input',
      message: /app\/1\.sql, line 1: could not create unique index/,
    })
    assert.deepEqual(await indexes('by_both'), [])
    assert.deepEqual(await invalid(), [])
    await bench.owner.query(`DELETE FROM photos WHERE id = 5000`)
    await bench.migrate()
    assert.equal((await indexes('by_both')).length, 65)
  })

  test('refuse a concurrent index without a name, and one whose name is taken', async () => {
    await startSharded()
    await bench.write('1.sql', 'CREATE INDEX CONCURRENTLY ON photos (caption)')
    await assert.rejects(bench.migrate(), { code: 'bad-input', message: /needs a name/ })
    await bench.write('1.sql', 'CREATE INDEX CONCURRENTLY photos_pkey ON photos (caption)')
    await assert.rejects(bench.migrate(), { code: 'bad-input', message: /already exists/ })
    await bench.owner.query('CREATE TABLE slot_003.taken (x int)')
    await bench.write('1.sql', 'CREATE INDEX CONCURRENTLY taken ON photos (caption)')
    await assert.rejects(bench.migrate(), { code: 'conflict', message: /"slot_003"\."taken" exists already/ })
  })

  test('reindex, and clear away what a killed reindex left', async () => {
    await bench.makeBig('big')
    await bench.owner.query('CREATE INDEX big_pkey_ccnew ON big (id); CREATE INDEX big_pkey_ccnew1 ON big (n)')
    const { address, port, secrets } = bench.server
    await using root = await PostgresConnection.connect({ address, port, secrets, database: 'app' })
    await root.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'big_pkey_ccnew'::regclass`)
    await bench.write('1.sql', 'REINDEX TABLE CONCURRENTLY big; VACUUM big')
    await bench.migrate()
    assert.deepEqual(await invalid(), [])
    assert.deepEqual(await indexes('big_pkey_ccnew'), [])
    assert.equal((await indexes('big_pkey_ccnew1')).length, 1) // a valid one is somebody's own
  })

  test('validate constraints leaf by leaf, and make a column NOT NULL without reading under a lock', async () => {
    await startSharded()
    await bench.write(
      '1.sql',
      `ALTER TABLE photos ADD CONSTRAINT has_caption NOT NULL caption NOT VALID;
       ALTER TABLE photos ADD CONSTRAINT id_positive CHECK (id > 0) NOT VALID;
       ALTER TABLE captions ADD CONSTRAINT of_photo FOREIGN KEY (user_id, id) REFERENCES photos NOT VALID;
       ALTER TABLE photos VALIDATE CONSTRAINT has_caption;
       ALTER TABLE photos VALIDATE CONSTRAINT id_positive;
       ALTER TABLE captions VALIDATE CONSTRAINT of_photo`,
    )
    await bench.migrate()
    const left = await bench.rows('SELECT conname FROM pg_constraint WHERE NOT convalidated')
    assert.deepEqual(left, [])
    await bench.write(
      '2.sql',
      'ALTER TABLE photos ADD CONSTRAINT small CHECK (id < 100) NOT VALID; ALTER TABLE photos VALIDATE CONSTRAINT small',
    )
    await assert.rejects(bench.migrate(), {
      code: 'bad-input',
      message: /line 1: check constraint "small" .*is violated by some row; the statements before it stay applied/,
    })
  })

  test('add a value to an enum and use it in the next statement', async () => {
    await bench.write('1.sql', `CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE people (mood mood)`)
    await bench.migrate()
    await bench.write('2.sql', `ALTER TYPE mood ADD VALUE 'happy'; INSERT INTO people VALUES ('happy')`)
    assert.deepEqual(await bench.migrate(), { applied: ['app/2.sql'] })
    assert.deepEqual(await bench.rows('SELECT mood FROM people'), [{ mood: 'happy' }])
  })

  test('go on at the statement that failed, mended, and refuse a change of those that are done', async () => {
    await bench.makeBig('big')
    const first = 'CREATE TABLE a (x int);\nCREATE INDEX CONCURRENTLY big_n ON big (n);\n'
    await bench.write('1.sql', `${first}INSERT INTO b VALUES (1)`)
    await assert.rejects(bench.migrate(), {
      code: 'bad-input',
      message: /line 3: relation "b" does not exist; the statements before it stay applied/,
    })
    assert.deepEqual(await steps(), [
      { step: 0, is_done: true },
      { step: 1, is_done: true },
    ])
    await bench.write('1.sql', `${first.replace('x int', 'x bigint')}INSERT INTO a VALUES (1)`)
    await assert.rejects(bench.migrate(), {
      code: 'conflict',
      message: /its statement 1 \(line 1\) was changed after it was done/,
    })
    await bench.write('1.sql', `${first}INSERT INTO a VALUES (1)`)
    assert.deepEqual(await bench.migrate(), { applied: ['app/1.sql'] })
    assert.deepEqual(await bench.rows('SELECT x FROM a'), [{ x: 1 }])
  })

  test('change every row of a plain table in batches', async () => {
    await bench.makeBig('big')
    await bench.write(
      '1.sql',
      `ALTER TABLE big ADD COLUMN upper_name text;\n-- tenfold: batch of 1000\nUPDATE big b SET upper_name = upper(b.name) WHERE b.upper_name IS NULL`,
    )
    await bench.migrate()
    const [row] = await bench.rows<{ n: string }>('SELECT count(*) AS n FROM big WHERE upper_name = upper(name)')
    assert.equal(row?.n, '20000')
    assert.ok(bench.said.includes('migration app/1.sql: 20000 rows of big changed in batches'))
    await bench.write('2.sql', '/* tenfold: batch of 500 */ DELETE FROM big WHERE id % 2 = 0')
    await bench.migrate()
    assert.deepEqual(await bench.rows('SELECT count(*)::int AS n FROM big'), [{ n: 10000 }])
  })

  test('change the rows of each slot in batches, names meaning the slot’s own tables', async () => {
    await startSharded()
    await bench.write(
      '1.sql',
      `-- tenfold: batch of 100
       INSERT INTO captions (user_id, id, caption) SELECT user_id, id, caption FROM photos ON CONFLICT DO NOTHING;
       -- tenfold: batch of 100
       UPDATE photos SET caption = upper(captions.caption) FROM captions
        WHERE photos.user_id = captions.user_id AND photos.id = captions.id AND photos.caption <> upper(captions.caption)`,
    )
    await bench.migrate()
    const [row] = await bench.rows<{ n: number }>(
      'SELECT count(*)::int AS n FROM photos JOIN captions USING (user_id, id) WHERE photos.caption = upper(captions.caption)',
    )
    assert.equal(row?.n, 2000)
  })

  test('refuse a batch that would never end, before it has changed a row', async () => {
    await bench.makeBig('big')
    const refused: Array<[string, RegExp]> = [
      ['UPDATE big SET n = n + 1 WHERE n > 0', /finds the rows again that it has changed/],
      ['UPDATE big SET n = 1', /give it a WHERE/],
      ['INSERT INTO big SELECT id + 100000, n FROM big', /ON CONFLICT/],
      ['UPDATE public.big SET n = 1 WHERE n > 1', /without its schema/],
      ['SELECT 1', /a batch is an UPDATE/],
    ]
    for (const [sql, message] of refused) {
      await bench.write('1.sql', `-- tenfold: batch of 100\n${sql}`)
      await assert.rejects(bench.migrate(), { code: 'bad-input', message })
    }
    assert.deepEqual(await bench.rows('SELECT count(*)::int AS n FROM big WHERE n <> id'), [{ n: 0 }])
  })
})
