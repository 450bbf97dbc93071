// The app under test: four kinds of objects whose correctness can be told from outside, over HTTP, with sessions.
//
// Sets and counters belong to the session's user; banks and lists are everybody's. Adding and transferring are transactions,
// counting and appending single statements, and with an Idempotency-Key each of them runs once.

import { type Kysely, sql, type Transaction } from 'kysely'
import { defineApp, TenfoldError } from '../../../../src/index.ts'
import type { Tables } from './tables.ts'

interface Transfer {
  element: number
  from: number
  to: number
  amount: number
}

type Reading = Pick<Kysely<Tables>, 'selectFrom' | 'selectNoFrom'>

export default defineApp<Tables>({
  migrations: 'migrations',
  setup({ http, db, once }) {
    http.post<{ Body: { user: string } }>('/join', async ({ body, session }, reply) => {
      session.userId = body.user
      return reply.code(201).send({ user: body.user })
    })

    http.post<{ Body: { element: number } }>('/set', async (request) => {
      const owner = userOf(request.session)
      const { element } = request.body
      return once(request, db.of(owner), async (tx) => {
        await tx.insertInto('set_elements').values({ owner, element }).execute()
        return { element }
      })
    })
    http.get('/set', ({ session }) => readSet(db.of(userOf(session)), userOf(session)))

    http.post('/counter', async (request) => {
      const owner = userOf(request.session)
      if (request.headers['idempotency-key'] === undefined) return count(db.of(owner), owner)
      return once(request, db.of(owner), (tx) => count(tx, owner))
    })
    http.get('/counter', ({ session }) => readCounter(db.of(userOf(session)), userOf(session)))

    http.post<{ Params: { bank: string }; Body: Transfer }>('/banks/:bank', async (request) => {
      userOf(request.session)
      const { bank } = request.params
      return once(request, db.of(bank), (tx) => transfer(tx, bank, request.body))
    })
    http.get<{ Params: { bank: string } }>('/banks/:bank', ({ params: { bank }, session }) => {
      userOf(session)
      return readBank(db.of(bank), bank)
    })

    http.post<{ Params: { list: string }; Body: { element: number } }>('/lists/:list', async (request) => {
      userOf(request.session)
      const { list } = request.params
      const { element } = request.body
      if (request.headers['idempotency-key'] === undefined) return append(db.of(list), list, element)
      return once(request, db.of(list), (tx) => append(tx, list, element))
    })
    http.get<{ Params: { list: string } }>('/lists/:list', ({ params: { list }, session }) => {
      userOf(session)
      return readList(db.of(list), list)
    })

    // What is really there: a transaction runs on the primary, whatever this process knows of replicas.
    http.get<{ Params: { user: string } }>('/exact/users/:user', ({ params: { user } }) =>
      db.of(user).transaction(async (tx) => ({ ...(await readSet(tx, user)), ...(await readCounter(tx, user)) })),
    )
    http.get<{ Params: { bank: string } }>('/exact/banks/:bank', ({ params: { bank } }) =>
      db.of(bank).transaction((tx) => readBank(tx, bank)),
    )
    http.get<{ Params: { list: string } }>('/exact/lists/:list', ({ params: { list } }) =>
      db.of(list).transaction((tx) => readList(tx, list)),
    )
  },
})

function userOf({ userId }: { userId: string | undefined }): string {
  if (userId === undefined) throw new TenfoldError('unauthorized', 'join first')
  return userId
}

async function readSet(db: Reading, owner: string) {
  const rows = await db
    .selectFrom('set_elements')
    .select('element')
    .where('owner', '=', owner)
    .orderBy('row_id')
    .execute()
  return { elements: rows.map(({ element }) => element) }
}

async function count(db: Pick<Kysely<Tables>, 'insertInto'>, owner: string) {
  const { value } = await db
    .insertInto('counters')
    .values({ owner, value: 1 })
    .onConflict((conflict) => conflict.column('owner').doUpdateSet({ value: sql`counters.value + 1` }))
    .returning('value')
    .executeTakeFirstOrThrow()
  return { value }
}

async function readCounter(db: Reading, owner: string) {
  const row = await db.selectFrom('counters').select('value').where('owner', '=', owner).executeTakeFirst()
  return { value: row?.value ?? 0 }
}

async function transfer(tx: Transaction<Tables>, bank: string, { element, from, to, amount }: Transfer) {
  await tx.insertInto('transfers').values({ bank, element }).execute()
  const changes = [
    { bank, account: from, balance: -amount },
    { bank, account: to, balance: amount },
  ].sort((a, b) => a.account - b.account) // one order for all: no deadlock
  for (const change of changes)
    await tx
      .insertInto('accounts')
      .values(change)
      .onConflict((conflict) =>
        conflict.columns(['bank', 'account']).doUpdateSet({ balance: sql`accounts.balance + excluded.balance` }),
      )
      .execute()
  return { element }
}

/** One statement, so one snapshot: balances and transfers must agree wherever it is read. */
async function readBank(db: Reading, bank: string) {
  return db
    .selectNoFrom((from) => [
      from
        .selectFrom('accounts')
        .select(sql<Record<string, number>>`coalesce(json_object_agg(account, balance), '{}')`.as('balances'))
        .where('bank', '=', bank)
        .as('balances'),
      from
        .selectFrom('transfers')
        .select(sql<number[]>`coalesce(array_agg(element), '{}')`.as('elements'))
        .where('bank', '=', bank)
        .as('elements'),
    ])
    .executeTakeFirstOrThrow()
}

async function append(db: Pick<Kysely<Tables>, 'insertInto'>, list: string, element: number) {
  await db
    .insertInto('lists')
    .values({ list, elements: [element] })
    .onConflict((conflict) =>
      conflict.column('list').doUpdateSet({ elements: sql`lists.elements || excluded.elements` }),
    )
    .execute()
  return { element }
}

async function readList(db: Reading, list: string) {
  const row = await db.selectFrom('lists').select('elements').where('list', '=', list).executeTakeFirst()
  return { elements: row?.elements ?? [] }
}
