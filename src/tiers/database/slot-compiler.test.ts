// The SQL that each kind of statement becomes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Compilable, type Kysely, sql } from 'kysely'
import { kyselyOf, SlotExecutor } from './kysely-executor.ts'
import { SlotCompiler, type Target } from './slot-compiler.ts'

interface Tables {
  photos: { user_id: string; id: string; likes: number }
  users: { user_id: string; name: string }
  countries: { code: string; name: string }
}

function sqlOf(build: (db: Kysely<Tables>) => Compilable, target: Target = { slot: 7 }): string {
  const compiler = new SlotCompiler()
  compiler.catalog = { sharded: new Set(['photos', 'users']), kind: 'text' }
  const executor = new SlotExecutor(compiler, target, () => Promise.reject(new Error('compiles only')))
  return build(kyselyOf<Tables>(executor)).compile().sql
}

test('a sharded table is named with the schema of its slot, a reference table as it is', () => {
  assert.equal(
    sqlOf((db) => db.selectFrom('photos').select('photos.id').where('photos.user_id', '=', 'u')),
    'select "photos"."id" from "slot_007"."photos" where "photos"."user_id" = $1',
  )
  assert.equal(
    sqlOf((db) => db.selectFrom('countries').selectAll('countries')),
    'select "countries".* from "countries"',
  )
})

test('joins and aliases keep their references', () => {
  assert.equal(
    sqlOf((db) =>
      db
        .selectFrom('photos as p')
        .innerJoin('users', 'users.user_id', 'p.user_id')
        .leftJoin('countries as c', 'c.name', 'users.name')
        .select(['p.id', 'c.code'])
        .forUpdate(['users' as never]),
    ),
    'select "p"."id", "c"."code" from "slot_007"."photos" as "p" inner join "slot_007"."users" on "users"."user_id" = "p"."user_id" left join "countries" as "c" on "c"."name" = "users"."name" for update of "users"',
  )
})

test('inserts, updates, deletes and merges go to the leaf', () => {
  assert.equal(
    sqlOf((db) =>
      db
        .insertInto('photos')
        .values({ user_id: 'u', id: 'p', likes: 0 })
        .onConflict((conflict) => conflict.columns(['user_id', 'id']).doUpdateSet({ likes: sql`photos.likes + 1` })),
    ),
    'insert into "slot_007"."photos" ("user_id", "id", "likes") values ($1, $2, $3) on conflict ("user_id", "id") do update set "likes" = photos.likes + 1',
  )
  assert.equal(
    sqlOf((db) =>
      db.updateTable('photos as p').from('users as u').set({ likes: 1 }).whereRef('u.user_id', '=', 'p.user_id'),
    ),
    'update "slot_007"."photos" as "p" set "likes" = $1 from "slot_007"."users" as "u" where "u"."user_id" = "p"."user_id"',
  )
  assert.equal(
    sqlOf((db) => db.deleteFrom('photos').using('users').whereRef('users.user_id', '=', 'photos.user_id')),
    'delete from "slot_007"."photos" using "slot_007"."users" where "users"."user_id" = "photos"."user_id"',
  )
  assert.equal(
    sqlOf((db) =>
      db
        .mergeInto('photos')
        .using('users', 'users.user_id', 'photos.user_id')
        .whenMatched()
        .thenUpdateSet({ likes: 1 }),
    ),
    'merge into "slot_007"."photos" using "slot_007"."users" on "users"."user_id" = "photos"."user_id" when matched then update set "likes" = $1',
  )
})

test('a name that WITH defines means its rows, where it is in sight and only there', () => {
  assert.equal(
    sqlOf((db) =>
      db
        .with('photos', (inner) => inner.selectFrom('photos').selectAll())
        .selectFrom('photos')
        .selectAll(),
    ),
    'with "photos" as (select * from "slot_007"."photos") select * from "photos"',
  )
  assert.equal(
    sqlOf((db) =>
      db
        .selectFrom('users')
        .select('name')
        .where('user_id', 'in', (outer) =>
          outer.selectFrom(sql<{ user_id: string }>`(select 1)`.as('x')).select('x.user_id'),
        )
        .where(({ exists }) =>
          exists(
            db
              .with('users', (inner) => inner.selectFrom('photos').selectAll())
              .selectFrom('users')
              .selectAll(),
          ),
        )
        .where(({ exists }) => exists(db.selectFrom('users').select('name'))),
    ).split(' exists ')[2],
    '(select "name" from "slot_007"."users")',
  )
  assert.equal(
    sqlOf((db) =>
      db
        .withRecursive('photos', (inner) =>
          inner
            .selectFrom('users')
            .selectAll()
            .unionAll(inner.selectFrom('photos').selectAll() as never),
        )
        .selectFrom('photos')
        .selectAll(),
    ),
    'with recursive "photos" as (select * from "slot_007"."users" union all select * from "photos") select * from "photos"',
  )
})

test('subqueries, sql.table and tables that a schema is given for', () => {
  assert.equal(
    sqlOf((db) => db.selectFrom(db.selectFrom('photos').selectAll().as('p')).selectAll()),
    'select * from (select * from "slot_007"."photos") as "p"',
  )
  assert.equal(
    sqlOf((db) => db.selectFrom(sql<{ id: string }>`${sql.table('photos')}`.as('p')).selectAll()),
    'select * from "slot_007"."photos" as "p"',
  )
  assert.equal(
    sqlOf((db) => db.withSchema('other').selectFrom('photos').selectAll()),
    'select * from "other"."photos"',
  )
})

test('a scatter reads all of its slots as one table', () => {
  assert.equal(
    sqlOf((db) => db.selectFrom('photos').innerJoin('users as u', 'u.user_id', 'photos.user_id').select('u.name'), {
      slots: [1, 2],
    }),
    'select "u"."name" from (select * from "slot_001"."photos" union all select * from "slot_002"."photos") as "photos" inner join (select * from "slot_001"."users" union all select * from "slot_002"."users") as "u" on "u"."user_id" = "photos"."user_id"',
  )
})

test('outside of a slot a sharded table is refused', () => {
  const read = (db: Kysely<Tables>) => db.selectFrom('photos').selectAll()
  assert.throws(() => sqlOf(read, 'nowhere'), {
    code: 'bad-input',
    message: /photos is sharded: reach it by db.of\(key\)/,
  })
})
