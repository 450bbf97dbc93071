// The side effects of a job in the database, in one transaction: a row for every run, and what is done once for all of them.

import { randomUUID } from 'node:crypto'
import type { Database } from '../../../../../src/index.ts'

export interface Tables {
  asked: { owner: string; n: number }
  effects: { owner: string; run: string; n: number }
  once: { owner: string; n: number }
  counters: { owner: string; n: number }
}

export interface Sum {
  owner: string
  /** Runs whose transaction was committed, and jobs of them. */
  effects: number
  once: number
  counter: number
}

const owners = Array.from({ length: 16 }, (_, index) => `owner-${index}`)

export function ownerOf(n: number): string {
  return owners[n % owners.length] as string
}

export async function takeEffect(db: Database<Tables>, n: number): Promise<void> {
  const owner = ownerOf(n)
  await db.of(owner).transaction(async (tx) => {
    await tx.insertInto('effects').values({ owner, run: randomUUID(), n }).execute()
    const made = await tx
      .insertInto('once')
      .values({ owner, n })
      .onConflict((conflict) => conflict.columns(['owner', 'n']).doNothing())
      .executeTakeFirst()
    if (made.numInsertedOrUpdatedRows === 0n) return
    await tx
      .insertInto('counters')
      .values({ owner, n: 1 })
      .onConflict((conflict) => conflict.column('owner').doUpdateSet((row) => ({ n: row('counters.n', '+', 1) })))
      .execute()
  })
}

export function sumsOf(db: Database<Tables>): Promise<Sum[]> {
  return Promise.all(
    owners.map((owner) =>
      db.of(owner).transaction(async (tx) => {
        const count = async (table: 'effects' | 'once') => {
          const rows = tx.selectFrom(table).select(({ fn }) => fn.countAll<number>().as('count'))
          return Number((await rows.where('owner', '=', owner).executeTakeFirst())?.count)
        }
        const counter = await tx.selectFrom('counters').select('n').where('owner', '=', owner).executeTakeFirst()
        return { owner, effects: await count('effects'), once: await count('once'), counter: counter?.n ?? 0 }
      }),
    ),
  )
}
