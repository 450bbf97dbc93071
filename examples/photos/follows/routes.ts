// The API of follows.

import { userIdOf } from '../input.ts'
import type { AppTiers } from '../tiers.ts'
import { requireUser } from '../users/current.ts'
import { follow } from './follow.ts'

export function followRoutes(tiers: AppTiers): void {
  tiers.http.post('/api/users/:id/follow', async (request) => {
    const user = requireUser(request)
    return await follow(tiers, user.id, userIdOf(request.params))
  })
}
