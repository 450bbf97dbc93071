// What a topology says of work for later: where jobs are kept, and how many processes work them off.

import { z } from 'zod'
import { durationMs } from './duration.ts'

export const queueSchema = z.strictObject({
  engine: z
    .enum(['postgres', 'jetstream'])
    .default('postgres')
    .describe('Where jobs are kept: in the database, or in NATS JetStream with the database as its outbox.'),
  nodes: z
    .union([z.literal(1), z.literal(3)])
    .default(3)
    .describe('NATS servers of the engine jetstream. 3: every job is on all of them, and one may be gone.'),
})

const scale = z.strictObject({
  ageMsMax: durationMs(100, 3_600_000)
    .default(5000)
    .describe('How long the oldest job that could be worked off may have waited before more workers are asked for.'),
  windowMs: durationMs(1000, 60_000).default(5000).describe('What is looked at is the worst of so long.'),
  stabiliseMs: durationMs(0, 3_600_000)
    .default(300_000)
    .describe('There are fewer only when nothing has asked for more for so long.'),
  coolDownMs: durationMs(0, 3_600_000).default(30_000).describe('Time from one change to a step downwards.'),
})

export const workerSchema = z.strictObject({
  count: z
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe('Processes that only work jobs off. 0: the web processes do it beside requests.'),
  max: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe('With it there are as many as the backlog asks for: count at least, so many at most.'),
  scale: scale.prefault({}).describe('When the backlog asks for more or fewer; counts with max.'),
})
