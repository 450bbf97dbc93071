// The API of the feed.

import { listQuery, read } from '../input.ts'
import { pageOf } from '../photos/list.ts'
import type { AppTiers } from '../tiers.ts'
import { requireUser } from '../users/current.ts'
import { readFeed } from './read.ts'

export function feedRoutes(tiers: AppTiers): void {
  tiers.http.get('/api/feed', async (request) => {
    const user = requireUser(request)
    const list = read(listQuery, request.query, 'query')
    return pageOf(await readFeed(tiers, user.id, list), list.limit)
  })
}
