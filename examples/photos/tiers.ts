// The tiers as this app holds them: what it is given, and its own queues and stream with them.

import type { Tiers } from 'tenfold'
import type { Events } from './events.ts'
import type { Jobs } from './jobs.ts'
import type { Schema } from './schema.ts'

export type AppTiers = Tiers<Schema> & { jobs: Jobs; events: Events }
