// What a topology says of the web tier: how many processes, of what, and when the load asks for more of them.

import { z } from 'zod'
import { durationMs } from './duration.ts'

const scale = z.strictObject({
  targetUtilisation: z
    .number()
    .min(0.1)
    .max(0.95)
    .default(0.6)
    .describe(
      'How busy web processes are meant to be on average, of event loop or CPU whichever is scarcer. Full is 1.',
    ),
  p99MsMax: durationMs(1, 600_000)
    .optional()
    .describe('Latency at the fronts that asks for more too, while web processes are at least half as busy as that.'),
  windowMs: durationMs(1000, 60_000).default(5000).describe('Utilisation is the mean over so long.'),
  stabiliseMs: durationMs(0, 3_600_000)
    .default(300_000)
    .describe('There are fewer only when nothing has asked for more for so long.'),
  coolDownMs: durationMs(0, 3_600_000).default(30_000).describe('Time from one change to a step downwards.'),
})

export const webSchema = z.strictObject({
  count: z.int().min(1).max(256).default(1).describe('Web processes. More than one needs a balancer (front.count).'),
  max: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe('With it there are as many as the load asks for: count at least, so many at most.'),
  scale: scale.prefault({}).describe('When the load asks for more or fewer; counts with max.'),
  command: z
    .string()
    .min(1)
    .optional()
    .describe('Any program that listens on $PORT, instead of the app (12-factor). It always stands behind a balancer.'),
  healthPath: z
    .string()
    .regex(/^(\/[!-~]*)?$/, 'expected a path: a slash, then visible ASCII characters (others as %xx)')
    .default('/-/ready')
    .describe('Path that answers 2xx when a web process can serve. Empty: that it takes connections is enough.'),
  drainMs: durationMs(0, 600_000).default(10_000).describe('How long a stopping process may finish what it has begun.'),
  bodyBytesMax: z
    .int()
    .min(0)
    .default(10 * 1024 * 1024)
    .describe('Largest request body.'),
})
