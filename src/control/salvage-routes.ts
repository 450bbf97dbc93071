// Lost writes in the control API: which files there are, what is in one, and its replay.

import { basename } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { TenfoldError } from '../base/errors.ts'
import { readSecrets } from '../map/secrets.ts'
import { openSalvageFile } from '../programs/postgres/salvage/file.ts'
import { listSalvages } from '../supervisor/replication/salvage.ts'
import { replayLost, salvageFileOf } from '../supervisor/replication/salvage-replay.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import type { SalvagePage } from './api.ts'
import { bodies, salvageQuery } from './openapi.ts'

/** Of one transaction; all of them are in the file. */
const changesShownMax = 100

export function addSalvageRoutes(http: FastifyInstance, { home, keeper }: Supervisor): void {
  http.get('/api/salvages', async () => ({ salvages: await listSalvages(home) }))
  http.get<{ Params: { file: string } }>('/api/salvages/:file', async (request) => {
    const path = await salvageFileOf(home, request.params.file)
    return readPage(path, parse(salvageQuery, request.query))
  })
  http.post('/api/salvages/replay', async (request) => {
    const { file, dryRun } = parse(bodies.replay, request.body ?? {})
    const path = await salvageFileOf(home, file)
    const what = { map: keeper.map, secrets: await readSecrets(home) }
    return { file: basename(path), ...(await replayLost(what, { file: path, isDryRun: dryRun })) }
  })
}

async function readPage(path: string, { after, limit }: z.output<typeof salvageQuery>): Promise<SalvagePage> {
  await using file = await openSalvageFile(path)
  const page: SalvagePage = { file: basename(path), header: file.header, transactions: [] }
  for await (const { changes, ...transaction } of file.transactions) {
    if (transaction.position <= after) continue
    if (page.transactions.length === limit) break
    const shown: SalvagePage['transactions'][number]['changes'] = []
    for await (const change of changes()) if (shown.push(change) === changesShownMax) break
    page.transactions.push({ ...transaction, changes: shown })
  }
  return page
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value)
  if (!success) throw new TenfoldError('bad-input', error.issues.map(({ message }) => message).join('; '))
  return data
}
