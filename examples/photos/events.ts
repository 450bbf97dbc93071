// The app's stream of events: what people did that concerns others, for whoever wants to read it, now or later.
//
// Appended in the transaction that makes it true. A job would be done and gone; an entry is kept for a week, and a reader that is thought of
// tomorrow can begin with today's.

import type { Tiers } from 'tenfold'
import { z } from 'zod'
import { photoId, userId } from './input.ts'
import type { Schema } from './schema.ts'

export type Events = ReturnType<typeof defineEvents>

/** `userId`: whom it concerns, and the key of its order. */
const event = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(['liked', 'commented']), userId, byId: userId, photoId }),
  z.object({ kind: z.literal('followed'), userId, byId: userId }),
])

export function defineEvents(queue: Tiers<Schema>['queue']) {
  return queue.defineStream('photo.events', { schema: event, partitions: 4 })
}
