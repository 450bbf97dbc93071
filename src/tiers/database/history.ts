// Writers that keep a history of what was acknowledged, and a checker that compares it with what is there.
//
// Half of the writes are single statements, half transactions. Each adds an entry with an id of its own and counts up
// its key's counter: a lost write leaves an entry missing, a doubled one a counter ahead of its entries.

import assert from 'node:assert/strict'
import { sql } from 'kysely'
import { isTenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import type { Database } from './contract.ts'
import type { TestTables } from './testing.ts'

export interface Writers {
  /** What failed so far. */
  readonly errors: readonly unknown[]
  /** Resolves when that many more were acknowledged. */
  until(more: number): Promise<void>
  /** Lets each writer finish its write. */
  stop(): Promise<void>
  /** Every acknowledged write is there once, and nothing that was never tried. Unknown outcomes may be there, once. */
  verify(db?: Database<TestTables>): Promise<void>
}

export async function startWriters(
  database: Database<TestTables>,
  options: { writers: number; keys: number; prefix: string },
): Promise<Writers> {
  const keys = Array.from({ length: options.keys }, (_, i) => `${options.prefix}-${i}`)
  for (const user_id of keys) await database.of(user_id).insertInto('counters').values({ user_id, n: '0' }).execute()
  const acknowledged = new Set<string>()
  const unknown = new Set<string>()
  const errors: unknown[] = []
  let isStopped = false

  const write = async (writer: string, round: number) => {
    const user_id = keys[round % keys.length] as string
    const id = `${writer}/${round}`
    const db = database.of(user_id)
    const addEntry = { user_id, id, writer }
    try {
      if (round % 2 === 0)
        await db.transaction(async (tx) => {
          await tx.insertInto('entries').values(addEntry).execute()
          await tx.updateTable('counters').set({ n: sql`n + 1` }).where('user_id', '=', user_id).execute()
        })
      else
        await db
          .with('added', (added) => added.insertInto('entries').values(addEntry).returning('user_id'))
          .updateTable('counters')
          .from('added')
          .set({ n: sql`n + 1` })
          .whereRef('counters.user_id', '=', 'added.user_id')
          .execute()
      acknowledged.add(id)
    } catch (error) {
      errors.push(error)
      if (isTenfoldError(error, 'outcome-unknown')) unknown.add(id)
      else await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const running = Array.from({ length: options.writers }, async (_, i) => {
    for (let round = i; !isStopped; round++) await write(`w${i}`, round)
  })

  return {
    errors,
    async until(more) {
      const goal = acknowledged.size + more
      const what = `${more} more acknowledged writes`
      await waitUntil(() => acknowledged.size >= goal, { what, timeoutMs: 15_000, intervalMs: 1 })
    },
    async stop() {
      isStopped = true
      await Promise.all(running)
    },
    async verify(db = database) {
      for (const user_id of keys) {
        const slot = db.of(user_id)
        const entries = await slot.selectFrom('entries').select('id').where('user_id', '=', user_id).execute()
        const counter = await slot.selectFrom('counters').select('n').where('user_id', '=', user_id).executeTakeFirst()
        assert.equal(Number(counter?.n), entries.length, `${user_id}: a write happened twice or by half`)
        for (const { id } of entries) {
          const isExpected = acknowledged.delete(id) || unknown.delete(id)
          assert.ok(isExpected, `${id} was reported as failed and is there`)
        }
      }
      assert.deepEqual([...acknowledged], [], 'acknowledged and lost')
    },
  }
}
