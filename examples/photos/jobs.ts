// The app's queues: what their jobs carry, checked where they are published and where they are handled.
//
// A payload holds keys only: a handler reads what is true when it runs, and may run twice. None of the queues has a key of its
// own (`key`, for an order), since none needs one: feeds sort by the ids of photos, and sums do not mind in which order they grow.

import type { Tiers } from 'tenfold'
import { z } from 'zod'
import { day, photoId, userId } from './input.ts'
import type { Schema } from './schema.ts'

export type Jobs = ReturnType<typeof defineJobs>

/** For jobs that people wait for, before those that may take their time. */
export const soon = 5

export function defineJobs(queue: Tiers<Schema>['queue']) {
  const photo = z.object({ userId, photoId })
  /** What is left to do goes on behind this follower. */
  const after = userId.optional()
  return {
    photoUploaded: queue.define('photo.uploaded', { schema: photo }),
    photoReady: queue.define('photo.ready', { schema: photo.extend({ after }) }),
    photoLiked: queue.define('photo.liked', { schema: photo }),
    followMade: queue.define('follow.made', { schema: z.object({ userId, followeeId: userId }) }),
    celebrityMade: queue.define('celebrity.made', { schema: z.object({ userId, after }) }),
    tipGiven: queue.define('tip.given', { schema: z.object({ userId, tipId: z.uuid() }) }),
    /** Without a day: the one before. */
    dayOver: queue.define('day.over', { schema: z.object({ day: day.optional() }) }),
  }
}
