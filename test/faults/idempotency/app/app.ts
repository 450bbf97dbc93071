// The app under test: a POST that must run once, however often it is sent; it tells which process runs it, and takes its time.

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { defineApp } from '../../../../src/index.ts'

interface Tables {
  receipts: { owner: string; id: string; cents: number }
}

interface Order {
  owner: string
  cents: number
  sleepMs: number
}

const home = String(process.env['TENFOLD_HOME'])

export default defineApp<Tables>({
  migrations: 'migrations',
  setup({ http, db, once }) {
    http.post<{ Body: Order }>('/receipts', async (request, reply) => {
      const { owner, cents, sleepMs } = request.body
      const { id } = await once(request, db.of(owner), async (tx) => {
        appendFileSync(join(home, `runs-${owner}`), `${process.pid}\n`)
        const row = await tx
          .insertInto('receipts')
          .values({ owner, cents } as never)
          .returning('id')
          .executeTakeFirstOrThrow()
        await tx.selectNoFrom(sql`pg_sleep(${sleepMs / 1000})`.as('slept')).execute()
        return row
      })
      return reply.code(201).header('location', `/receipts/${id}`).header('x-pid', process.pid).send({ id, cents })
    })
    http.get<{ Params: { owner: string } }>('/receipts/:owner', ({ params: { owner } }) =>
      db.of(owner).selectFrom('receipts').selectAll().where('owner', '=', owner).execute(),
    )
  },
})
