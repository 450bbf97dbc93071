// Backups in the control API: what there is, and one more now. Restoring and verifying need no supervisor, and are done by the
// command line itself.

import type { FastifyInstance } from 'fastify'
import { TenfoldError } from '../base/errors.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { bodies } from './openapi.ts'

export function addBackupRoutes(http: FastifyInstance, { backups }: Supervisor): void {
  http.get('/api/backups', async () => ({ shards: await backups.list() }))
  http.post('/api/backups', async (request, reply) => {
    const { success, data, error } = bodies.backup.safeParse(request.body ?? {})
    if (!success) throw new TenfoldError('bad-input', error.issues.map(({ message }) => message).join('; '))
    reply.status(202)
    return { shards: backups.begin(data.shard) }
  })
}
