// What test_decoding prints is read back to the very values that were written, whatever they hold.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { type Client, escapeIdentifier } from 'pg'
import { PostgresConnection } from '../connection.ts'
import { databaseName } from '../contract.ts'
import { connectAs, startTestPostgres, type TestPostgres } from '../testing.ts'
import { ensureSalvageSlot } from './slot.ts'
import { type Decoded, parseDecoded } from './test-decoding.ts'

/** Names that need quotes, among them some that look like syntax of the format. */
const names = ['plain', 'new-tuple', 'Of "quotes"', 'a]b[c', "it's", 'x: y', '__proto__', 'line\nbreak']
const columns: Array<{ type: string; value: fc.Arbitrary<string> }> = [
  { type: 'integer', value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(String) },
  { type: 'bigint', value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String) },
  {
    type: 'numeric',
    value: fc.oneof(
      fc.constantFrom('NaN', 'Infinity', '-Infinity'),
      fc.integer().map((n) => `${n}.50`),
    ),
  },
  { type: 'double precision', value: fc.double().map(String) },
  { type: 'real', value: fc.float().map(String) },
  { type: 'boolean', value: fc.constantFrom('true', 'false') },
  { type: 'bit varying', value: fc.stringMatching(/^[01]{0,20}$/) },
  { type: 'text', value: anyText() },
  { type: 'character(5)', value: fc.stringMatching(/^[a-z' \][:]{0,5}$/) },
  { type: 'bytea', value: fc.uint8Array({ maxLength: 40 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`) },
  { type: 'text[]', value: fc.array(anyText(), { maxLength: 3 }).map((items) => arrayOf(items)) },
  { type: 'jsonb', value: anyText().map((text) => JSON.stringify({ text })) },
  { type: 'uuid', value: fc.uuid() },
  { type: '"odd ]type"', value: fc.constantFrom('one', "two's", ']') },
  { type: '"odd ]type"[]', value: fc.constantFrom("{one,two's}", '{"]"}', '{}') },
  {
    type: 'timestamptz',
    value: fc.constantFrom('2026-11-25 13:07:50.123456+00', 'infinity', '0044-03-15 00:00:00+00 BC'),
  },
]

let server: TestPostgres
let owner: Client & AsyncDisposable
let admin: PostgresConnection
before(async () => {
  server = await startTestPostgres()
  admin = await PostgresConnection.connect({ ...server, database: databaseName })
  owner = await connectAs(server, 'owner')
  await owner.query(`CREATE SCHEMA "my. schema"; CREATE TYPE "odd ]type" AS ENUM ('one', 'two''s', ']')`)
  const definitions = columns.map(({ type }, index) => `${escapeIdentifier(nameOf(index))} ${type}`)
  await owner.query(`CREATE TABLE "my. schema"."table: ""INSERT""" (id int PRIMARY KEY, ${definitions.join(', ')})`)
  await ensureSalvageSlot(admin)
})
after(async () => {
  await owner[Symbol.asyncDispose]()
  await admin.close()
  await server.stop()
})

test('random values of many types are read back as the server has them', async () => {
  const table = `"my. schema"."table: ""INSERT"""`
  const list = columns.map((_, index) => escapeIdentifier(nameOf(index)))
  const rows = fc.array(fc.tuple(...columns.map(({ value }) => fc.option(value))), { minLength: 1, maxLength: 20 })
  let id = 0
  await fc.assert(
    fc.asyncProperty(rows, async (values) => {
      const firstId = id + 1
      for (const row of values)
        await owner.query(
          `INSERT INTO ${table} (id, ${list.join(', ')}) VALUES (${++id}, ${list.map((_, i) => `$${i + 1}`).join(', ')})`,
          row,
        )
      await owner.query(`UPDATE ${table} SET id = -id WHERE id = ${id}`)
      const expected = await owner.query<Array<string | null>>({
        text: `SELECT abs(id)::text, ${list.map((name, i) => textOf(name, columns[i]?.type)).join(', ')} FROM ${table} WHERE abs(id) >= ${firstId} ORDER BY abs(id)`,
        rowMode: 'array',
      })
      const decoded = await readSlot()
      const inserts = decoded.filter((found) => found.kind === 'insert')
      assert.deepEqual(
        inserts.map(({ row }) => [...(row?.values.values() ?? [])]),
        expected.rows,
      )
      for (const { table, row } of inserts) {
        assert.deepEqual(table, { schema: 'my. schema', name: 'table: "INSERT"' })
        assert.deepEqual([...(row?.values.keys() ?? [])], ['id', ...columns.map((_, index) => nameOf(index))])
      }
      const [update] = decoded.filter((found) => found.kind === 'update')
      assert.deepEqual([update?.old?.get('id'), update?.row?.values.get('id')], [String(id), String(-id)])
    }),
    { numRuns: 25 },
  )
})

test('what the plugin does not print is refused, with the place and without the values', () => {
  const good = `table public.notes: INSERT: id[integer]:1 text[text]:'secret' flags[bit]:B'1' n[numeric]:1.5`
  assert.equal(parseDecoded(good).kind, 'insert')
  const shorter = Array.from({ length: good.length }, (_, length) => good.slice(0, length))
  const accepted = shorter.filter((text) => {
    try {
      return parseDecoded(text) && true
    } catch (error) {
      assert.match((error as Error).message, /at character \d+/)
      assert.doesNotMatch((error as Error).message, /secret/)
      return false
    }
  })
  // Cut between two columns, or within the digits at the end, it is a row of its own.
  const ends = ['INSERT:', ':1', "'secret'", "B'1'", ':1']
  assert.deepEqual(
    accepted.map((text) => ends.find((end) => text.endsWith(end))),
    ends,
    accepted.join('\n'),
  )
  for (const bad of [
    '',
    'COMMIT',
    'BEGIN x',
    'table a: INSERT:',
    `${good} `,
    `${good} x[int]:abc`,
    `${good} id[integer]:2`,
    'table public.a: TRUNCATE: maybe',
    'table public.a, public.b: DELETE: id[integer]:1',
    'COMMIT 7 (at 2026-11-25 13:00:00+01)',
  ])
    assert.throws(() => parseDecoded(bad), { code: 'bad-input' }, bad)
})

async function readSlot(): Promise<Decoded[]> {
  const rows = await admin.query<{ data: string }>(
    `SELECT data FROM pg_logical_slot_get_changes('tenfold_salvage', NULL, NULL, 'include-timestamp', 'on')`,
  )
  return rows.map(({ data }) => parseDecoded(data))
}

function nameOf(index: number): string {
  return `${names[index % names.length]}${index < names.length ? '' : index}`
}

/** The server's own text form; of a boolean the plugin prints the word, and the cast to text does as well. */
function textOf(name: string, type: string | undefined): string {
  // A cast to text drops the blanks that char(5) is padded with; the plugin prints them.
  return type === 'character(5)' ? `rpad(${name}::text, 5)` : `${name}::text`
}

function anyText(): fc.Arbitrary<string> {
  const tricky = fc.constantFrom(
    "'",
    "''",
    '"',
    '\\',
    '\n',
    ' ',
    '[',
    ']',
    ':',
    'null',
    ' new-tuple:',
    'é',
    '\u2028',
    '🙂',
  )
  return fc.array(fc.oneof(tricky, fc.string({ unit: 'grapheme', maxLength: 5 })), { maxLength: 8 }).map((parts) =>
    // The server takes every character but NUL.
    parts.join('').replaceAll('\0', ''),
  )
}

function arrayOf(items: readonly string[]): string {
  const quoted = items.map((item) => `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)
  return `{${quoted.join(',')}}`
}
