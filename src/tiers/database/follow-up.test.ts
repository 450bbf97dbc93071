// A follow-up goes in the flight of its statement, runs behind its commit, and is in nobody's way, whatever becomes of it.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import type { ShardDatabase } from './contract.ts'
import { startTestDatabase, type TestDatabase } from './testing.ts'

const sql = `
create table notes (id integer primary key, xid xid8 not null default pg_current_xact_id());
create table said (nr integer not null, notes integer not null, xid xid8 not null default pg_current_xact_id());
grant select, insert on notes, said to app;`

describe('a follow-up', () => {
  let database: TestDatabase
  let shard: ShardDatabase

  before(async () => {
    database = await startTestDatabase({ sql })
    shard = database.db.shards()[0] as ShardDatabase
  })
  after(() => database.stop())

  const say = (nr: number) => ({ text: 'insert into said select $1::integer, count(*) from notes', values: [nr] })
  const heard = async (nr: number) => {
    let rows: Array<{ notes: number; xid: string }> = []
    const isSaid = async () => {
      rows = await shard.query('select notes, xid::text from said where nr = $1', [nr])
      return rows.length > 0
    }
    await waitUntil(isSaid, { what: `follow-up ${nr}`, timeoutMs: 10_000 })
    return rows[0]
  }
  const note = (nr: number, id: number) =>
    shard.query<{ xid: string }>('insert into notes values ($1) returning xid::text', [id], { followUp: say(nr) })

  test('sees what its statement committed, in a transaction of its own', async () => {
    for (let nr = 0; nr < 5; nr++) {
      const [row] = await note(nr, nr)
      const said = await heard(nr)
      assert.equal(said?.notes, nr + 1)
      assert.notEqual(said?.xid, row?.xid)
    }
  })

  test('runs also where its statement failed, and its own failure is nobody else’s', async () => {
    await assert.rejects(note(5, 0), { code: '23505' })
    await heard(5)
    const broken = ['select 1/0', 'not SQL', 'select $1::integer', "select 'x'::integer"]
    for (const text of [...broken, ...broken]) {
      const rows = await shard.query('select 7 as x', [], { followUp: { text, values: [] } })
      assert.deepEqual(rows, [{ x: 7 }], text)
      assert.deepEqual(await shard.query('select 8 as x'), [{ x: 8 }])
    }
  })

  test('of many at once: each statement has its own answer', async () => {
    const many = Array.from({ length: 300 }, async (_, x) => {
      const followUp = x % 7 === 0 ? { text: 'select 1/0', values: [] } : { text: 'select 0 as x', values: [] }
      const [row] = await shard.query<{ x: number }>('select $1::integer as x', [x], x % 2 ? { followUp } : {})
      assert.equal(row?.x, x)
    })
    await Promise.all(many)
  })

  test('that is cut off with its connection is not missed', async () => {
    const cut = { text: 'select pg_terminate_backend(pg_backend_pid())', values: [] }
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(await shard.query('select 7 as x', [], { followUp: cut }), [{ x: 7 }])
      assert.deepEqual(await shard.query('select 8 as x'), [{ x: 8 }])
    }
  })
})
