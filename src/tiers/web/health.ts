// What balancers and people ask: is the process alive, may it get requests?

import type { FastifyInstance } from 'fastify'
import { TenfoldError } from '../../base/errors.ts'

/** `notReady` answers why no request should come now, or undefined. */
export function addHealth(http: FastifyInstance, notReady: () => string | undefined): void {
  http.get('/-/live', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return { status: 'live' }
  })
  http.get('/-/ready', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    const reason = notReady()
    if (reason !== undefined) throw new TenfoldError('unavailable', `not ready: ${reason}`)
    return { status: 'ready' }
  })
}
