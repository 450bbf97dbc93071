// Remembered SQL is the SQL that compiling gives, with the values in their places, for every kind of statement.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Compilable, type Kysely, sql } from 'kysely'
import { kyselyOf, SlotExecutor } from './kysely-executor.ts'
import { SlotCompiler, type Target } from './slot-compiler.ts'

interface Tables {
  photos: { user_id: string; id: string; likes: number; caption: string | null }
  countries: { code: string; name: string }
}

type Values = readonly [string, string, string, number, number]
type Build = (db: Kysely<Tables>, values: Values) => Compilable

const statements: Build[] = [
  (db, [a]) => db.selectFrom('photos').selectAll().where('user_id', '=', a),
  (db, [a, b]) => db.selectFrom('photos').selectAll().where('user_id', '=', a).where('id', '=', b),
  (db, [a, b]) => db.selectFrom('photos').selectAll().where('id', '=', b).where('user_id', '=', a),
  (db, [a, b]) => db.selectFrom('photos').selectAll().where('user_id', '=', a).where('id', '>', b),
  (db, [a, , , n]) => db.selectFrom('photos').select('id').where('user_id', '=', a).orderBy('id', 'desc').limit(n),
  (db, [a, , , n]) => db.selectFrom('photos').select('id').where('user_id', '=', a).orderBy('id', 'asc').limit(n),
  (db, [a, , , n, m]) => db.selectFrom('photos').select('id').where('user_id', '=', a).offset(m).limit(n),
  (db, [a, b, c]) => db.selectFrom('photos').selectAll().where('id', 'in', [a, b, c]),
  (db, [a, b]) => db.selectFrom('photos').selectAll().where('id', 'in', [a, b]),
  (db, [a]) => db.selectFrom('photos').selectAll().where('user_id', '=', a).where('caption', 'is', null),
  (db, [a]) => db.selectFrom('photos').selectAll().where('user_id', '=', a).where('caption', 'is not', null),
  (db, [a, b, c]) =>
    db
      .selectFrom('photos')
      .selectAll()
      .where((e) => e.or([e('id', '=', b), e.and([e('id', '=', a), e('caption', '=', c)])])),
  (db, [a, b, c]) =>
    db
      .selectFrom('photos')
      .selectAll()
      .where((e) => e.and([e.or([e('id', '=', b), e('id', '=', a)]), e('caption', '=', c)])),
  (db, [a, b, , n]) => db.insertInto('photos').values({ user_id: a, id: b, likes: n, caption: null }),
  (db, [a, b, c, n]) => db.insertInto('photos').values({ user_id: a, id: b, likes: n, caption: c }),
  (db, [a, b, , n, m]) =>
    db.insertInto('photos').values([
      { user_id: a, id: b, likes: n, caption: null },
      { user_id: a, id: b, likes: m, caption: null },
    ]),
  (db, [a, b, c, n, m]) =>
    db
      .insertInto('photos')
      .values({ user_id: a, id: b, likes: n, caption: c })
      .onConflict((conflict) => conflict.columns(['user_id', 'id']).doUpdateSet({ likes: m }))
      .returningAll(),
  (db, [a, , c, n]) => db.updateTable('photos').set({ caption: c, likes: n }).where('id', '=', a),
  (db, [a, , c, n]) => db.updateTable('photos').set({ likes: n, caption: c }).where('id', '=', a),
  (db, [a, , , n]) =>
    db
      .updateTable('photos')
      .set((e) => ({ likes: e('likes', '+', n) }))
      .where('id', '=', a),
  (db, [a, , , n]) =>
    db
      .updateTable('photos')
      .set((e) => ({ likes: e('likes', '-', n) }))
      .where('id', '=', a),
  (db, [a]) => db.deleteFrom('photos').where('user_id', '=', a),
  (db, [a]) => db.selectFrom('countries').selectAll().where('code', '=', a),
  (db, [a]) => db.selectFrom('countries').selectAll().where('name', '=', a),
  (db, [a]) => db.selectFrom('countries as photos').selectAll().where('photos.code', '=', a),
  (db, [a, b, , n]) =>
    db
      .with('top', (w) => w.selectFrom('photos').selectAll().where('id', '=', b).limit(n))
      .selectFrom('top')
      .selectAll()
      .where('user_id', '=', a),
  (db, [a, b, , n]) =>
    db
      .selectFrom('photos')
      .select([sql`${n}::int + ${b}`.as('x')])
      .where(sql<boolean>`id = ${a}`),
  (db, [a, b, , n]) =>
    db
      .selectFrom('photos')
      .select([sql`${n}::int - ${b}`.as('x')])
      .where(sql<boolean>`id = ${a}`),
  (db, [a]) => db.selectFrom('photos').select([sql.lit(a).as('x')]),
  (db, [a]) => db.selectFrom('photos').select([sql.ref(a).as('x')]),
  (db, [a, b]) => db.selectFrom('photos').select((e) => e.case().when('id', '=', a).then(b).else('none').end().as('x')),
  (db, [a]) =>
    db
      .selectFrom('photos')
      .select((e) => [e.fn.count('id').as('n'), e.fn.sum('likes').as('s')])
      .groupBy('user_id')
      .having('user_id', '=', a),
]

function openCompiler(): SlotCompiler {
  const compiler = new SlotCompiler()
  compiler.catalog = { sharded: new Set(['photos']), kind: 'text' }
  return compiler
}

function compile(compiler: SlotCompiler, build: Build, values: Values, target: Target): [string, readonly unknown[]] {
  const executor = new SlotExecutor(compiler, target, () => Promise.reject(new Error('compiles only')))
  const { sql, parameters } = build(kyselyOf<Tables>(executor), values).compile()
  return [sql, parameters]
}

// Few different texts, so that equal values, which cannot show their order, come up as well.
const text = fc.constantFrom('a', 'b', 'value', 'kind', 'id', "it's", '')
const values = fc.tuple(text, text, text, fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }))

test('whatever was compiled before, a statement gets the SQL and the values that a fresh compiler gives it', () => {
  const run = fc.tuple(fc.nat(statements.length - 1), values, fc.constantFrom(3, 7))
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 60 }), (runs) => {
      const compiler = openCompiler()
      for (const [index, given, slot] of runs) {
        const build = statements[index] as Build
        const expected = compile(openCompiler(), build, given, { slot })
        assert.deepEqual(compile(compiler, build, given, { slot }), expected)
      }
    }),
    { numRuns: 200 },
  )
})

test('the second statement of a structure is not compiled again, and its values are its own', () => {
  const compiler = openCompiler()
  let compiled = 0
  const compileQuery = compiler.compileQuery.bind(compiler)
  compiler.compileQuery = (...args) => {
    compiled++
    return compileQuery(...args)
  }
  const [byUser] = statements as [Build]
  for (let i = 0; i < 10; i++)
    assert.deepEqual(compile(compiler, byUser, [`user ${i}`, '', '', 0, 0], { slot: 7 })[1], [`user ${i}`])
  assert.equal(compiled, 1)
  assert.match(compile(compiler, byUser, ['u', '', '', 0, 0], { slot: 8 })[0], /slot_008/)
  assert.equal(compiled, 2, 'each slot has its own text')
})

test('a new catalog forgets what the old one meant', () => {
  const compiler = openCompiler()
  const [byUser] = statements as [Build]
  const given: Values = ['u', '', '', 0, 0]
  assert.match(compile(compiler, byUser, given, { slot: 7 })[0], /slot_007/)
  compiler.catalog = { sharded: new Set(), kind: undefined }
  assert.doesNotMatch(compile(compiler, byUser, given, { slot: 7 })[0], /slot_007/)
})
