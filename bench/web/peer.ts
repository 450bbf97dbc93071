// The same handler as a careful developer writes it without Tenfold: Fastify and pg's pool, nothing else.

import { fastify } from 'fastify'
import pg from 'pg'

const { PGPORT, PGPASSWORD, PORT, POOL_MAX } = process.env
const pool = new pg.Pool({
  host: '127.0.0.1',
  port: Number(PGPORT),
  user: 'app',
  password: PGPASSWORD,
  database: 'app',
  max: Number(POOL_MAX),
})

const http = fastify()
http.get<{ Params: { id: string } }>('/notes/:id', async ({ params: { id } }) => {
  const { rows } = await pool.query('select * from plain_notes where id = $1', [id])
  return rows[0]
})
await http.listen({ host: '127.0.0.1', port: Number(PORT) })

process.on('SIGTERM', () => process.exit(0))
