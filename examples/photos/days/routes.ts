// The API of days.

import { dayOf } from '../input.ts'
import type { AppTiers } from '../tiers.ts'
import { bestOfDay } from './day.ts'

export function dayRoutes(tiers: AppTiers): void {
  tiers.http.get('/api/days/:day', async (request) => ({ photos: await bestOfDay(tiers, dayOf(request.params)) }))
}
