// The API of news.

import type { AppTiers } from '../tiers.ts'
import { requireUser } from '../users/current.ts'
import { newsMax } from './reader.ts'

export function newsRoutes({ http, db }: AppTiers): void {
  http.get('/api/news', async (request) => {
    const { id } = requireUser(request)
    const news = await db
      .of(id)
      .selectFrom('news')
      .select(['kind', 'by_id as byId', 'by_name as byName', 'photo_id as photoId', 'at'])
      .where('user_id', '=', id)
      .orderBy('at', 'desc')
      .orderBy('position', 'desc')
      .limit(newsMax)
      .execute()
    return { news }
  })
}
