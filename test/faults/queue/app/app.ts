// The app under test: makers who publish numbered jobs, each in one of several ways, and a handler that writes down which ran.

import type { Generated } from 'kysely'
import { defineApp } from '../../../../src/index.ts'

type Run = { maker: string; number: number; way: string }

interface Tables {
  asked: { maker: string; number: number }
  runs: Run & { row_id: Generated<string> }
}

/** direct: the queue alone. transaction: with a row. delayed: half a second later. */
export type Way = 'direct' | 'transaction' | 'delayed'

interface Ask {
  number: number
  way: Way
}

const delayMs = 500

export default defineApp<Tables>({
  migrations: 'migrations',
  setup({ http, db, queue }) {
    http.post<{ Params: { maker: string }; Body: Ask }>('/makers/:maker/jobs', async ({ params, body }, reply) => {
      const { maker } = params
      const { number, way } = body
      const job = { maker, number, way }
      if (way === 'transaction')
        await db.of(maker).transaction(async (tx) => {
          await tx.insertInto('asked').values({ maker, number }).execute()
          await queue.in(tx).publish('count', job)
        })
      else await queue.publish('count', job, way === 'delayed' ? { delayMs } : {})
      return reply.code(201).send(job)
    })

    // What is really there: a transaction runs on the primary, whatever this process knows of replicas.
    http.get<{ Params: { maker: string } }>('/makers/:maker/runs', ({ params: { maker } }) =>
      db
        .of(maker)
        .transaction((tx) =>
          tx.selectFrom('runs').select(['number', 'way']).where('maker', '=', maker).orderBy('row_id').execute(),
        ),
    )

    queue.handle<Run>('count', { concurrency: 8 }, async ({ payload }) => {
      const { maker, number, way } = payload
      await db.of(maker).insertInto('runs').values({ maker, number, way }).execute()
    })
  },
})
