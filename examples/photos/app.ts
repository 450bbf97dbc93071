// A photo network in which some users are celebrities. Written once, for one machine and for a thousand: nothing here knows
// how many web servers, replicas or shards there are.

import { defineApp } from 'tenfold'
import { dayJobs } from './days/jobs.ts'
import { dayRoutes } from './days/routes.ts'
import { defineEvents } from './events.ts'
import { feedJobs } from './feed/jobs.ts'
import { feedRoutes } from './feed/routes.ts'
import { followJobs } from './follows/jobs.ts'
import { followRoutes } from './follows/routes.ts'
import { defineJobs } from './jobs.ts'
import { newsReader } from './news/reader.ts'
import { newsRoutes } from './news/routes.ts'
import { refuseForeignOrigins } from './origin.ts'
import { pageRoutes } from './pages/routes.ts'
import { likeJobs } from './photos/like-jobs.ts'
import { mediaRoutes } from './photos/media.ts'
import { photoRoutes } from './photos/routes.ts'
import { thumbnailJobs } from './photos/thumbnails.ts'
import type { Schema } from './schema.ts'
import type { AppTiers } from './tiers.ts'
import { tipJobs } from './tips/jobs.ts'
import { tipRoutes } from './tips/routes.ts'
import { countActiveUsers } from './users/active.ts'
import { userRoutes } from './users/routes.ts'

export default defineApp<Schema>({
  migrations: 'migrations',
  assets: 'public',
  setup(given) {
    const tiers: AppTiers = { ...given, jobs: defineJobs(given.queue), events: defineEvents(given.queue) }
    refuseForeignOrigins(tiers)
    countActiveUsers(tiers)

    userRoutes(tiers)
    photoRoutes(tiers)
    mediaRoutes(tiers)
    followRoutes(tiers)
    feedRoutes(tiers)
    tipRoutes(tiers)
    dayRoutes(tiers)
    newsRoutes(tiers)
    pageRoutes(tiers)

    thumbnailJobs(tiers)
    likeJobs(tiers)
    followJobs(tiers)
    feedJobs(tiers)
    tipJobs(tiers)
    dayJobs(tiers)
    newsReader(tiers)
  },
})
