// The router's hash against PostgreSQL's own placement.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { startTestPostgres, type TestPostgres } from '../../programs/postgres/testing.ts'
import { slotOfInteger, slotOfText } from './hash.ts'

const int8 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })

describe('the partition hash', () => {
  let server: TestPostgres
  before(async () => {
    server = await startTestPostgres()
    await server.admin.query('CREATE TABLE by_int8 (k int8) PARTITION BY HASH (k)')
    await server.admin.query('CREATE TABLE by_text (k text) PARTITION BY HASH (k)')
  })
  after(() => server?.stop())

  /** The keys that PostgreSQL would put elsewhere. */
  const misplaced = async (type: 'int8' | 'text', keys: string[], slots: number[]) =>
    (
      await server.admin.query<{ k: string }>(
        `SELECT k FROM unnest($1::${type}[], $2::int[]) AS t (k, slot)
          WHERE NOT satisfies_hash_partition('by_${type}'::regclass, 64, slot, k)`,
        [keys, slots],
      )
    ).map(({ k }) => k)

  test('places integers where PostgreSQL does, given as number, bigint or decimal string', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(int8, fc.maxSafeInteger().map(BigInt)), { minLength: 200 }), async (keys) => {
        const slots = keys.map((key) => slotOfInteger(key))
        assert.deepEqual(await misplaced('int8', keys.map(String), slots), [])
        for (const [i, key] of keys.entries()) {
          assert.equal(slotOfInteger(String(key)), slots[i])
          if (Number.isSafeInteger(Number(key))) assert.equal(slotOfInteger(Number(key)), slots[i])
        }
      }),
      { numRuns: 8 },
    )
  })

  test('places integers at the edges of words where PostgreSQL does', async () => {
    const edges = [0n, 31n, 32n, 53n, 62n, 63n].flatMap((bit) => [
      2n ** bit - 1n,
      2n ** bit,
      -(2n ** bit),
      1n - 2n ** bit,
    ])
    const keys = edges.filter((key) => BigInt.asIntN(64, key) === key)
    assert.deepEqual(await misplaced('int8', keys.map(String), keys.map(slotOfInteger)), [])
  })

  test('places text of any length and alphabet where PostgreSQL does', async () => {
    const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 400 }))
    const keys = fc.array(
      text.map((key) => key.replaceAll('\0', '0')),
      { minLength: 200 },
    )
    await fc.assert(
      fc.asyncProperty(keys, async (sample) =>
        assert.deepEqual(await misplaced('text', sample, sample.map(slotOfText)), []),
      ),
      { numRuns: 8 },
    )
  })
})

test('known placements stay', () => {
  const integers = [0, 1, -1, 42, 2n ** 63n - 1n, -(2n ** 63n), 2 ** 32].map(slotOfInteger)
  assert.deepEqual(integers, [48, 56, 37, 34, 54, 63, 56])
  assert.deepEqual(['', 'a', 'hello', 'user-1é'].map(slotOfText), [38, 30, 20, 29])
})

test('what no int8 column can hold is refused, not hashed', () => {
  for (const key of [1.5, Number.NaN, 2 ** 53, 2n ** 63n, '12a', '', ' 1', '1e3', '99999999999999999999'])
    assert.throws(() => slotOfInteger(key), { code: 'bad-input' }, String(key))
})
