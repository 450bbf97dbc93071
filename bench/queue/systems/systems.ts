// All of them by name.

import { openBullmqAlways, openBullmqEverysec } from './bullmq.ts'
import { openGraphile, openGraphileBatch } from './graphile.ts'
import { openPgBoss } from './pg-boss.ts'
import type { Open } from './system.ts'
import { openTenfold } from './tenfold.ts'

export const systems: Readonly<Record<string, Open>> = {
  tenfold: openTenfold,
  'pg-boss': openPgBoss,
  graphile: openGraphile,
  'graphile batch': openGraphileBatch,
  'bullmq always': openBullmqAlways,
  'bullmq everysec': openBullmqEverysec,
}
