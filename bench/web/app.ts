// The handler that is measured, as an app of Tenfold: reads one row by its key.

import { defineApp } from '../../src/index.ts'

interface Tables {
  notes: { id: string; title: string; body: string }
}

export default defineApp<Tables>({
  migrations: 'migrations',
  setup({ http, db }) {
    http.get<{ Params: { id: string } }>('/notes/:id', ({ params: { id } }) =>
      db.of(id).selectFrom('notes').selectAll().where('id', '=', id).executeTakeFirst(),
    )
  },
})
