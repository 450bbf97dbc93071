// The API of tips.

import type { AppTiers } from '../tiers.ts'
import { requireUser } from '../users/current.ts'
import { giveTip } from './tip.ts'

export function tipRoutes(tiers: AppTiers): void {
  tiers.http.post('/api/tips', async (request, reply) => {
    const user = requireUser(request)
    return reply.code(201).send(await giveTip(tiers, request, user, request.body))
  })
}
