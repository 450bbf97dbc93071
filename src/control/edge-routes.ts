// The edge in the control API: throwing out what is kept, and what was given from it.

import type { FastifyInstance } from 'fastify'
import { TenfoldError } from '../base/errors.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import type { Purge } from '../tiers/edge/contract.ts'
import { bodies } from './openapi.ts'

export function addEdgeRoutes(http: FastifyInstance, { edge }: Supervisor): void {
  http.get('/api/edge', () => edge.report())
  http.post('/api/purges', async (request) => {
    const { success, data, error } = bodies.purge.safeParse(request.body)
    if (success) return edge.purge(data as Purge)
    const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`)
    throw new TenfoldError('bad-input', `a purge is one of url, prefix, tag, everything; ${problems.join('; ')}`)
  })
}
