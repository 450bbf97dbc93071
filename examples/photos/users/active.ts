// Daily, weekly and monthly active users: everybody who did something with a session.

import type { AppTiers } from '../tiers.ts'

export function countActiveUsers({ http, kpi }: AppTiers): void {
  http.addHook('preHandler', async (request) => {
    const { userId } = request.session
    if (userId !== undefined) kpi.active(userId)
  })
}
