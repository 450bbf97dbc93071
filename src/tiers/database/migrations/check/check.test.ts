// Every rule: a statement that it refuses, and the way to write it that it takes. No server: the picture is given.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkFiles, smallBytesMax, type Verdict } from './check.ts'
import type { SchemaBefore, TableBefore } from './schema.ts'
import { parseFile } from './sql.ts'

const table = (name: string, more: Partial<TableBefore> = {}): [string, TableBefore] => [
  `public.${name}`,
  {
    schema: 'public',
    name,
    bytes: smallBytesMax * 100,
    isPartitioned: false,
    columns: new Map([
      ['id', { type: 'int4', typmod: -1, isNotNull: true }],
      ['name', { type: 'varchar', typmod: 14, isNotNull: false }],
      ['price', { type: 'numeric', typmod: ((10 << 16) | 2) + 4, isNotNull: false }],
      ['at', { type: 'timestamp', typmod: 3, isNotNull: false }],
      ['proven', { type: 'text', typmod: -1, isNotNull: false }],
    ]),
    proofs: new Map([['has_proof', ['proven']]]),
    unproven: new Map(),
    checked: new Map([['has_proof', ['proven']]]),
    ...more,
  },
]
const before: SchemaBefore = {
  tables: new Map([
    table('big'),
    table('other'),
    table('unproven', { checked: new Map() }),
    table('tiny', { bytes: smallBytesMax }),
    table('sharded', { isPartitioned: true }),
  ]),
  indexes: new Map([
    ['public.big_idx', { table: 'public.big', columns: ['name'] }],
    ['public.big_id', { table: 'public.big', columns: ['id'] }],
  ]),
  volatileFunctions: new Set(['random', 'gen_random_uuid', 'uuidv7', 'clock_timestamp', 'nextval']),
  domains: new Map([['email', ['public.big']]]),
}

async function check(sql: string, estimate?: number): Promise<Verdict[]> {
  const file = await parseFile({ name: 'app/1.sql', path: '1.sql', sql, checksum: '' })
  return checkFiles([file], before, estimate === undefined ? {} : { estimateRows: async () => estimate })
}

/** What is refused, in which words, and what is taken in its place. */
const table1: Array<[danger: string, refused: string[], taken: string[]]> = [
  [
    'rewrite',
    [
      'ALTER TABLE big ALTER COLUMN id TYPE bigint',
      'ALTER TABLE big ALTER COLUMN name TYPE varchar(9)',
      'ALTER TABLE big ALTER COLUMN name TYPE int USING name::int',
      'ALTER TABLE big ALTER COLUMN name TYPE text COLLATE "C"',
      'ALTER TABLE big ALTER COLUMN price TYPE numeric(12, 3)',
      'ALTER TABLE big ALTER COLUMN at TYPE timestamptz',
      'ALTER TABLE big ALTER COLUMN at TYPE timestamp(0)',
      'ALTER TABLE "big" ALTER "id" SET DATA TYPE int8',
      'ALTER TABLE IF EXISTS ONLY public.big ALTER id TYPE bigint, ADD COLUMN x int',
    ],
    [
      'ALTER TABLE big ALTER COLUMN id TYPE int',
      'ALTER TABLE big ALTER COLUMN name TYPE varchar(20)',
      'ALTER TABLE big ALTER COLUMN name TYPE varchar',
      'ALTER TABLE big ALTER COLUMN name TYPE text',
      'ALTER TABLE big ALTER COLUMN price TYPE numeric(12, 2)',
      'ALTER TABLE big ALTER COLUMN price TYPE numeric',
      'ALTER TABLE big ALTER COLUMN at TYPE timestamp(6)',
      'ALTER TABLE tiny ALTER COLUMN id TYPE bigint',
      `SELECT 'ALTER TABLE big ALTER COLUMN id TYPE bigint'`,
      '-- ALTER TABLE big ALTER COLUMN id TYPE bigint',
    ],
  ],
  [
    'rewrite',
    [
      'ALTER TABLE big ADD COLUMN x uuid DEFAULT gen_random_uuid()',
      'ALTER TABLE big ADD COLUMN x float DEFAULT 1 + coalesce(random(), 0)',
      'ALTER TABLE big ADD COLUMN x bigserial',
      'ALTER TABLE big ADD COLUMN x int GENERATED ALWAYS AS IDENTITY',
      'ALTER TABLE big ADD COLUMN x int GENERATED ALWAYS AS (id + 1) STORED',
      'ALTER TABLE big ADD COLUMN x email',
      'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; ALTER TABLE big ADD COLUMN x int DEFAULT f()',
      'ALTER TABLE big ALTER COLUMN name SET EXPRESSION AS (upper(name))',
      'ALTER TABLE big SET UNLOGGED',
      'ALTER TABLE big SET LOGGED',
      'ALTER TABLE big SET TABLESPACE elsewhere',
      'ALTER TABLE big SET ACCESS METHOD other',
      'CLUSTER big USING big_idx',
      'VACUUM FULL big',
      'VACUUM (FULL, ANALYZE) big',
    ],
    [
      'ALTER TABLE big ADD COLUMN x uuid',
      "ALTER TABLE big ADD COLUMN x text NOT NULL DEFAULT 'random()'",
      'ALTER TABLE big ADD COLUMN x timestamptz NOT NULL DEFAULT now()',
      'ALTER TABLE big ADD COLUMN x timestamptz DEFAULT CURRENT_TIMESTAMP',
      'ALTER TABLE big ADD COLUMN x int GENERATED ALWAYS AS (id + 1) VIRTUAL',
      'ALTER TABLE big ADD COLUMN x int GENERATED ALWAYS AS (id + 1)',
      'ALTER TABLE big ALTER COLUMN name SET DEFAULT random()::text',
      'CREATE FUNCTION f() RETURNS int LANGUAGE sql STABLE AS $$ SELECT 1 $$; ALTER TABLE big ADD COLUMN x int DEFAULT f()',
      'ALTER TABLE big SET (fillfactor = 70)',
      'VACUUM big',
    ],
  ],
  [
    'scan',
    [
      'ALTER TABLE big ALTER COLUMN name SET NOT NULL',
      'ALTER TABLE big ADD CONSTRAINT c CHECK (id > 0)',
      'ALTER TABLE big ALTER COLUMN proven TYPE varchar',
      'ALTER TABLE big ALTER COLUMN proven SET NOT NULL, DROP CONSTRAINT has_proof',
      'ALTER TABLE big ADD PRIMARY KEY USING INDEX big_id, ALTER COLUMN id DROP NOT NULL',
      'ALTER TABLE big ADD CHECK (id > 0)',
      'ALTER TABLE big ADD CONSTRAINT c NOT NULL name',
      'ALTER TABLE big ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES other',
      'ALTER TABLE big ADD COLUMN x int CHECK (x > 0)',
      'ALTER TABLE big ADD COLUMN x int DEFAULT 1 REFERENCES other',
      'ALTER TABLE big ADD COLUMN x int NOT NULL',
      'ALTER TABLE big ADD COLUMN x int NOT NULL DEFAULT NULL',
      'ALTER TABLE big ADD COLUMN x int GENERATED ALWAYS AS (id) VIRTUAL NOT NULL',
      'ALTER TABLE sharded ATTACH PARTITION unproven FOR VALUES IN (1)',
      'ALTER TABLE big ADD PRIMARY KEY USING INDEX big_idx',
      'ALTER TABLE big ADD CONSTRAINT c CHECK (name IS NOT NULL) NOT VALID; ALTER TABLE big ALTER COLUMN name SET NOT NULL',
      'ALTER TABLE big ADD CONSTRAINT c CHECK (name IS NOT NULL OR id > 1) NOT VALID; ALTER TABLE big VALIDATE CONSTRAINT c; ALTER TABLE big ALTER COLUMN name SET NOT NULL',
      'ALTER DOMAIN email ADD CONSTRAINT c CHECK (length(value) > 3)',
      'ALTER DOMAIN email SET NOT NULL',
    ],
    [
      'ALTER TABLE big ALTER COLUMN id SET NOT NULL',
      'ALTER TABLE big ALTER COLUMN proven SET NOT NULL',
      'ALTER TABLE big ALTER COLUMN name DROP NOT NULL',
      'ALTER TABLE big ADD CONSTRAINT c CHECK (id > 0) NOT VALID',
      'ALTER TABLE big DROP CONSTRAINT has_proof; ALTER TABLE big ALTER COLUMN proven TYPE varchar',
      'ALTER TABLE big ALTER COLUMN proven TYPE varchar, DROP CONSTRAINT has_proof',
      'ALTER TABLE big ADD CONSTRAINT c CHECK (id > 0) NOT ENFORCED',
      'ALTER TABLE big ADD CONSTRAINT c NOT NULL name NOT VALID',
      'ALTER TABLE big ADD CONSTRAINT c NOT NULL id',
      'ALTER TABLE big ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES other NOT VALID',
      'ALTER TABLE big ADD COLUMN x int REFERENCES other',
      'ALTER TABLE big VALIDATE CONSTRAINT c',
      'ALTER TABLE sharded ATTACH PARTITION big FOR VALUES IN (1)',
      'CREATE TABLE fresh (x int); ALTER TABLE sharded ATTACH PARTITION fresh FOR VALUES IN (1)',
      'ALTER TABLE sharded DETACH PARTITION other',
      'ALTER TABLE big ADD PRIMARY KEY USING INDEX big_id',
      'ALTER TABLE big ADD CONSTRAINT c CHECK (name IS NOT NULL AND id > 1) NOT VALID; ALTER TABLE big VALIDATE CONSTRAINT c; ALTER TABLE big ALTER COLUMN name SET NOT NULL; ALTER TABLE big DROP CONSTRAINT c',
      'ALTER TABLE big ADD CONSTRAINT c NOT NULL name NOT VALID; ALTER TABLE big VALIDATE CONSTRAINT c; ALTER TABLE big ALTER COLUMN name SET NOT NULL',
      'ALTER DOMAIN email ADD CONSTRAINT c CHECK (length(value) > 3) NOT VALID',
    ],
  ],
  [
    'build',
    [
      'CREATE INDEX ON big (name)',
      'CREATE UNIQUE INDEX u ON big (name) WHERE id > 3',
      'CREATE INDEX s ON sharded (name)',
      'ALTER TABLE big ADD UNIQUE (name)',
      'ALTER TABLE big ADD CONSTRAINT p PRIMARY KEY (id)',
      'ALTER TABLE big ADD COLUMN x int UNIQUE',
      'ALTER TABLE big ADD CONSTRAINT e EXCLUDE USING gist (name WITH =)',
      'REINDEX TABLE big',
      'REINDEX INDEX big_idx',
      'REINDEX DATABASE app',
    ],
    [
      'CREATE INDEX CONCURRENTLY i ON big (name)',
      'CREATE UNIQUE INDEX CONCURRENTLY i ON sharded (name)',
      'CREATE TABLE fresh (x int UNIQUE); CREATE INDEX ON fresh (x); ALTER TABLE fresh ADD PRIMARY KEY (x)',
      'CREATE TABLE copied AS SELECT * FROM big; CREATE INDEX ON copied (id)',
      'CREATE INDEX ON tiny (name)',
      'ALTER TABLE big ADD CONSTRAINT u UNIQUE USING INDEX big_idx',
      'REINDEX TABLE CONCURRENTLY big',
      'REINDEX (CONCURRENTLY) INDEX big_idx',
    ],
  ],
  [
    'lock',
    ['DROP INDEX big_idx', 'LOCK TABLE big', 'LOCK big IN SHARE MODE', 'REFRESH MATERIALIZED VIEW big'],
    [
      'DROP INDEX CONCURRENTLY big_idx',
      'LOCK TABLE big IN ROW EXCLUSIVE MODE',
      'REFRESH MATERIALIZED VIEW CONCURRENTLY big',
      'REFRESH MATERIALIZED VIEW big WITH NO DATA',
      'DROP INDEX IF EXISTS of_nothing',
    ],
  ],
  [
    'write',
    [
      'UPDATE big SET id = 1',
      'DELETE FROM big',
      "UPDATE big SET name = 'x' WHERE id > 3",
      'WITH gone AS (DELETE FROM big RETURNING *) INSERT INTO other SELECT * FROM gone',
      'MERGE INTO big USING other ON big.id = other.id WHEN MATCHED THEN UPDATE SET id = 1',
    ],
    [
      '-- tenfold: batch of 1000\nUPDATE big SET id = 1 WHERE id IS NULL',
      'UPDATE tiny SET id = 1',
      'CREATE TABLE fresh (x int); UPDATE fresh SET x = 1',
      "INSERT INTO big VALUES (1, 'x')",
    ],
  ],
]

describe('the check', () => {
  for (const [danger, refused, taken] of table1) {
    for (const sql of refused)
      test(`refuses (${danger}) ${sql}`, async () => {
        const found = (await check(sql)).filter(({ verdict }) => verdict === 'refuse')
        assert.deepEqual(
          found.map((one) => one.danger),
          [danger],
        )
        assert.match(
          found[0]?.message ?? '',
          /^migration app\/1\.sql, line 1: .*(ACCESS EXCLUSIVE|SHARE|waits|fails|LOCK)/,
        )
        assert.match(found[0]?.message ?? '', new RegExp(`allow ${danger} of (big|sharded|unproven)`))
      })
    for (const sql of taken)
      test(`takes ${sql}`, async () => {
        const found = (await check(sql)).filter(({ verdict }) => verdict === 'refuse')
        assert.deepEqual(found, [])
      })
  }

  test('warns of what a release that runs may miss, and takes it', async () => {
    for (const sql of [
      'ALTER TABLE big DROP COLUMN name',
      'ALTER TABLE big RENAME name TO title',
      'ALTER TABLE big RENAME TO large',
      'ALTER TABLE big SET SCHEMA elsewhere',
      'DROP TABLE big',
      'TRUNCATE big',
    ])
      assert.deepEqual(
        (await check(sql)).map(({ verdict, danger }) => [verdict, danger]),
        [['warn', 'removal']],
        sql,
      )
  })

  test('follows a table under its new name', async () => {
    const [, found] = await check('ALTER TABLE big RENAME TO large; CREATE INDEX ON large (name)')
    assert.equal(found?.verdict, 'refuse')
  })

  test('lets few rows be changed at once, by PostgreSQL’s estimate', async () => {
    assert.deepEqual(await check('UPDATE big SET id = 1 WHERE id = 2', 3), [])
    assert.equal((await check('UPDATE big SET id = 1 WHERE id > 2', 1_000_000))[0]?.verdict, 'refuse')
  })

  test('takes what its author allows with a reason, and only that', async () => {
    const sql = '-- tenfold: allow rewrite of big: 2 000 rows only\nALTER TABLE big ALTER id TYPE bigint'
    const [found] = await check(sql)
    assert.equal(found?.verdict, 'allowed')
    assert.match(found?.message ?? '', /line 2: .*allowed: 2 000 rows only/)
    assert.equal((await check(sql.replace('rewrite', 'scan')))[0]?.verdict, 'refuse')
    assert.equal((await check(sql.replace('of big', 'of other')))[0]?.verdict, 'refuse')
  })

  test('refuses directives that are unknown or give no reason', async () => {
    const refused: Array<[string, RegExp]> = [
      ['-- tenfold: allow rewrite of big', /line 1: say why/],
      ['-- tenfold: allow rewrite of big:  ', /say why/],
      ['-- tenfold: allow everything of big: please', /"allow everything" is not known/],
      ['/* tenfold: skip */', /unknown directive "skip"/],
      ['SELECT 1;\n\n-- tenfold: batches of 10\nSELECT 1', /line 3: unknown directive/],
      ['-- tenfold: batch of 100000\nUPDATE big SET id = 1', /1 to 10000 rows, not 100000/],
      ['-- tenfold: batch of 10', /no statement follows/],
    ]
    for (const [sql, message] of refused) await assert.rejects(check(sql), { code: 'bad-input', message })
    assert.deepEqual(await check("SELECT '-- tenfold: nonsense'; -- tenfold is the name of this"), [])
  })

  test('refuses what would take the runner’s tools away', async () => {
    const refused: Array<[string, RegExp]> = [
      ['BEGIN', /leave out BEGIN/],
      ['SELECT 1; /* x */ commit', /leave out COMMIT/],
      ['SET lock_timeout = 0', /leave lock_timeout to the migration runner/],
      ["SET LOCAL statement_timeout = '1h'", /leave statement_timeout/],
      ['RESET ALL', /leave the settings/],
      ['DISCARD ALL', /DISCARD/],
      ['COPY big FROM STDIN', /COPY FROM STDIN/],
      ['ALTER TABLE sharded DETACH PARTITION other CONCURRENTLY', /write DETACH PARTITION without CONCURRENTLY/],
    ]
    for (const [sql, message] of refused) await assert.rejects(check(sql), { code: 'bad-input', message })
    assert.deepEqual(await check("SELECT 'BEGIN;'; DO $$ BEGIN NULL; END $$"), [])
  })

  test('names the line of a syntax error', async () => {
    await assert.rejects(check("SELECT 'é🦊';\nCREATE TABEL x ()"), {
      code: 'bad-input',
      message: /line 2: syntax error at or near "TABEL"/,
    })
  })
})
