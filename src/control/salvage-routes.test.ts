// Lost writes through the control API: what is in a file, page by page, and nothing but the files of its directory.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { isTenfoldError, statusOf } from '../base/errors.ts'
import { homeOf } from '../map/home.ts'
import { SalvageWriter } from '../programs/postgres/salvage/file.ts'
import { salvageDirOf } from '../supervisor/replication/salvage.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { addSalvageRoutes } from './salvage-routes.ts'

let dir: string
let http: FastifyInstance
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tenfold-salvage-routes-'))
  const home = homeOf(dir)
  http = fastify()
  http.setErrorHandler((error, _request, reply) =>
    reply.status(statusOf(error)).send({ code: isTenfoldError(error) ? error.code : String(error) }),
  )
  // The routes read the files of its home; a replay is tested where there are servers.
  addSalvageRoutes(http, { home, keeper: { map: {} } } as unknown as Supervisor)
  const writer = await SalvageWriter.open(join(salvageDirOf(home), 's1-tl2-a.jsonl'))
  const change = { schema: 'public', table: 'notes', kind: 'insert', key: { id: '1' } } as const
  for (const xid of [1, 2, 3])
    await writer.write({ xid, changes: Array(150).fill(change), committedAt: '2026-11-25T13:00:00Z', lsn: '0/1' })
  await writer.finish({
    ...{ format: 1, id: crypto.randomUUID(), shard: 's1', node: 'n', timeline: 2, divergedAt: '0/1', promotedXid: '9' },
    ...{
      systemIdentifier: '1',
      at: '2026-11-25T13:00:00Z',
      complete: true,
      problems: [],
      transactions: 3,
      changes: 450,
    },
    sequences: [],
  })
})
after(async () => {
  await http.close()
  await rm(dir, { recursive: true })
})

test('the files are listed, and read a page at a time', async () => {
  const { salvages } = (await http.inject('/api/salvages')).json()
  assert.deepEqual(
    salvages.map(({ file, transactions }: { file: string; transactions: number }) => [file, transactions]),
    [['s1-tl2-a.jsonl', 3]],
  )
  const page = (await http.inject('/api/salvages/s1-tl2-a.jsonl?after=1&limit=1')).json()
  assert.deepEqual(page.header.transactions, 3)
  assert.deepEqual(
    page.transactions.map(({ position, changeCount, changes }: Record<string, unknown>) => [
      position,
      changeCount,
      (changes as unknown[]).length,
    ]),
    [[2, 150, 100]],
  )
})

test('a name that leads elsewhere is refused, as is one that is not there', async () => {
  for (const name of ['..%2Fmap.json', '%2Fetc%2Fpasswd', '.hidden'])
    assert.equal((await http.inject(`/api/salvages/${name}`)).statusCode, 400, name)
  assert.equal((await http.inject('/api/salvages/none.jsonl')).statusCode, 404)
  assert.equal((await http.inject('/api/salvages/s1-tl2-a.jsonl?limit=1000')).statusCode, 400)
  const replay = await http.inject({
    method: 'POST',
    url: '/api/salvages/replay',
    payload: { file: '../secrets.json' },
  })
  assert.equal(replay.statusCode, 400)
})
