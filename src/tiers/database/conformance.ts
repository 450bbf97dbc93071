// The promises of the database tier, checked on whatever keeps them: any rung, any number of shards, any engine.
// Each engine's test gives two closures, so that nobody can forget a promise.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import type { Database } from './contract.ts'
import { startWriters } from './history.ts'
import type { HoldAnswer, HoldTerms } from './hold.ts'
import type { TestTables } from './testing.ts'

/** What the suite holds; the tables of testing.ts exist in it, empty. */
export interface ConformanceSubject {
  db: Database<TestTables>
  hold(terms: HoldTerms): Promise<HoldAnswer>
  release(): void
  close(): Promise<void>
}

export function databaseConformance(name: string, open: () => Promise<ConformanceSubject>): void {
  describe(`the database tier on ${name}`, () => {
    let subject: ConformanceSubject
    let db: Database<TestTables>
    before(async () => {
      subject = await open()
      db = subject.db
    })
    after(() => subject?.close())

    test('a key has one slot, and the same slot gives the same object', () => {
      assert.equal(db.of('ann'), db.of('ann'))
      assert.equal(db.of('ann').slot, db.slotOf('ann'))
      assert.equal(db.slot(db.slotOf('ann')), db.of('ann'))
      const slots = new Set(Array.from({ length: 2000 }, (_, i) => db.slotOf(`user-${i}`)))
      assert.deepEqual([slots.size, Math.min(...slots), Math.max(...slots)], [64, 0, 63])
    })

    test('a row written under its key is read under its key, and by no other slot', async () => {
      await db.of('bea').insertInto('counters').values({ user_id: 'bea', n: '1' }).execute()
      const read = (key: string) => db.of(key).selectFrom('counters').selectAll().where('user_id', '=', 'bea').execute()
      assert.deepEqual(await read('bea'), [{ user_id: 'bea', n: '1' }])
      const other = Array.from({ length: 64 }, (_, i) => `x${i}`).find((key) => db.slotOf(key) !== db.slotOf('bea'))
      assert.deepEqual(await read(other as string), [])
    })

    test('a row whose key belongs elsewhere is refused with the reason', async () => {
      const other = Array.from({ length: 64 }, (_, i) => `x${i}`).find((key) => db.slotOf(key) !== db.slotOf('cat'))
      const write = db
        .of('cat')
        .insertInto('counters')
        .values({ user_id: other as string, n: '1' })
        .execute()
      await assert.rejects(write, { code: 'bad-input', message: /its key does not belong/ })
    })

    test('a transaction commits whole when its work resolves', async () => {
      const count = await db.of('dan').transaction(async (tx) => {
        await tx.insertInto('counters').values({ user_id: 'dan', n: '0' }).execute()
        await tx.insertInto('entries').values({ user_id: 'dan', id: '1', writer: 'w' }).execute()
        const updated = await tx
          .updateTable('counters')
          .set({ n: sql`n + 1` })
          .where('user_id', '=', 'dan')
          .executeTakeFirst()
        return updated.numUpdatedRows
      })
      assert.equal(count, 1n)
      assert.equal(
        (await db.of('dan').selectFrom('entries').selectAll().where('user_id', '=', 'dan').execute()).length,
        1,
      )
    })

    test('a transaction leaves nothing behind when its work rejects', async () => {
      const work = db.of('eva').transaction(async (tx) => {
        await tx.insertInto('counters').values({ user_id: 'eva', n: '0' }).execute()
        throw new Error('changed my mind')
      })
      await assert.rejects(work, /changed my mind/)
      assert.deepEqual(await db.of('eva').selectFrom('counters').selectAll().where('user_id', '=', 'eva').execute(), [])
    })

    test('a transaction whose statement failed is never reported as done, also when the work swallows the error', async () => {
      const work = db.of('fay').transaction(async (tx) => {
        await tx.insertInto('counters').values({ user_id: 'fay', n: '0' }).execute()
        await tx
          .insertInto('counters')
          .values({ user_id: 'fay', n: '0' })
          .execute()
          .catch(() => {})
      })
      await assert.rejects(work, { code: '23505' })
      assert.deepEqual(await db.of('fay').selectFrom('counters').selectAll().where('user_id', '=', 'fay').execute(), [])
    })

    test('a transaction that has ended takes no statements', async () => {
      const tx = await db.of('gus').transaction(async (inner) => inner)
      await assert.rejects(tx.selectFrom('counters').selectAll().execute(), { code: 'closed' })
    })

    test('a transaction has the isolation that was asked for', async () => {
      const level = await db
        .of('hal')
        .transaction(
          async (tx) =>
            (await sql<{ level: string }>`SELECT current_setting('transaction_isolation') AS level`.execute(tx)).rows[0]
              ?.level,
          { isolation: 'serializable' },
        )
      assert.equal(level, 'serializable')
    })

    test('statements in one transaction at once run one after the other', async () => {
      const rows = await db.of('ida').transaction((tx) =>
        Promise.all(
          ['1', '2', '3'].map((n) =>
            tx
              .insertInto('counters')
              .values({ user_id: 'ida', n })
              .onConflict((c) => c.column('user_id').doUpdateSet({ n }))
              .returningAll()
              .executeTakeFirstOrThrow(),
          ),
        ),
      )
      assert.deepEqual(
        rows.map(({ n }) => n),
        ['1', '2', '3'],
      )
    })

    test('a reference table is the same from every slot', async () => {
      for (const shard of db.shards())
        await shard.query(`INSERT INTO countries VALUES ('nl', 'Netherlands') ON CONFLICT DO NOTHING`)
      assert.equal((await db.reference.selectFrom('countries').selectAll().execute()).length, 1)
      for (const key of ['a', 'b', 'c'])
        assert.equal((await db.of(key).selectFrom('countries').selectAll().execute()).length, 1)
    })

    test('a scatter reads all slots, in order and cut at its limit', async () => {
      const keys = Array.from({ length: 300 }, (_, i) => `s${String(i).padStart(3, '0')}`)
      await Promise.all(
        keys.map((user_id, i) =>
          db
            .of(user_id)
            .insertInto('counters')
            .values({ user_id, n: String(990 + i) })
            .execute(),
        ),
      )
      const read = (direction: 'asc' | 'desc') =>
        db.scatter(
          (all) =>
            all
              .selectFrom('counters')
              .select(['user_id', 'n'])
              .where('n', '>=', '990')
              .orderBy('n', direction)
              .limit(5),
          { orderBy: [{ column: 'n', direction }], limit: 5 },
        )
      assert.deepEqual(
        (await read('asc')).map(({ n }) => n),
        ['990', '991', '992', '993', '994'],
      )
      assert.deepEqual(
        (await read('desc')).map(({ user_id }) => user_id),
        keys.slice(-5).reverse(),
      )
      const all = await db.scatter((every) => every.selectFrom('counters').select('user_id').where('n', '>=', '990'))
      assert.equal(all.length, keys.length)
    })

    test('a scatter only reads', async () => {
      const write = db.scatter((all) => all.updateTable('counters').set({ n: '0' }))
      await assert.rejects(write as Promise<unknown>, { code: 'bad-input', message: /scatter only reads/ })
    })

    test('wherever it is read and however long it may take, it is the same row', async () => {
      const token = db.causality.open('unknown')
      await db.causality.run(token, () =>
        db.of('joe').insertInto('counters').values({ user_id: 'joe', n: '5' }).execute(),
      )
      const views = [
        db.of('joe'),
        db.of('joe').from('primary'),
        db.of('joe').within(5_000),
        db.of('joe').from('primary').within(5_000),
      ]
      for (const view of views)
        assert.equal(
          (await view.selectFrom('counters').selectAll().where('user_id', '=', 'joe').executeTakeFirst())?.n,
          '5',
        )
      const scope = db.causality.open(token.token ?? 'unknown')
      const read = () => db.of('joe').selectFrom('counters').select('n').where('user_id', '=', 'joe').execute()
      const readOnly = () =>
        db.of('joe').transaction((tx) => tx.selectFrom('counters').select('n').where('user_id', '=', 'joe').execute(), {
          readOnly: true,
        })
      const all = () =>
        db.scatter((every) => every.selectFrom('counters').select('n').where('user_id', '=', 'joe'), {
          withinMs: 5_000,
        })
      for (const ask of [read, readOnly, all]) assert.deepEqual(await db.causality.run(scope, ask), [{ n: '5' }])
      assert.equal(db.of('joe').from('replica').slot, db.slotOf('joe'))
      for (const reference of [db.reference.from('primary'), db.reference.within(5_000)])
        assert.ok(Array.isArray(await reference.selectFrom('countries').selectAll().execute()))
      assert.throws(() => db.of('joe').from('elsewhere' as never), { code: 'bad-input' })
      assert.throws(() => db.of('joe').within(0), { code: 'bad-input' })
    })

    test('what only reads refuses to write', async () => {
      const write = db
        .of('kim')
        .transaction((tx) => tx.insertInto('counters').values({ user_id: 'kim', n: '1' }).execute(), { readOnly: true })
      await assert.rejects(write, { code: '25006' })
    })

    test('nothing is lost and nothing happens twice while holds come and go', async () => {
      const writers = await startWriters(db, { writers: 8, keys: 8, prefix: 'held' })
      for (let cycle = 0; cycle < 15; cycle++) {
        const { isDrained } = await subject.hold({ leaseMs: 5_000, drainMs: 2_000 })
        assert.equal(isDrained, true)
        subject.release()
        await writers.until(50)
      }
      await writers.stop()
      assert.deepEqual(writers.errors, [])
      await writers.verify()
    })
  })
}
