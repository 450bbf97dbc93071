// Every command, in the order in which one meets them.

import { cache } from './cache.ts'
import { apply, climb, plan } from './climb.ts'
import type { Command } from './command.ts'
import { dbBackup } from './db-backup.ts'
import { dbMigrate } from './db-migrate.ts'
import { dbRestore } from './db-restore.ts'
import { dbSalvage } from './db-salvage.ts'
import { dbVerify } from './db-verify.ts'
import { doctor } from './doctor.ts'
import { down } from './down.ts'
import { edge } from './edge.ts'
import { fault } from './fault.ts'
import { logs } from './logs.ts'
import { purge } from './purge.ts'
import { queue } from './queue.ts'
import { queueDead } from './queue-dead.ts'
import { queueCancel, queueJob } from './queue-job.ts'
import { queueSchedules } from './queue-schedules.ts'
import { queueRewind, queueStreams } from './queue-streams.ts'
import { scale } from './scale.ts'
import { seed } from './seed.ts'
import { sessionsList, sessionsRevoke, sessionsRotateKey } from './sessions.ts'
import { status } from './status.ts'
import { switchover } from './switchover.ts'
import { topology } from './topology.ts'
import { tour } from './tour.ts'
import { up } from './up.ts'

export const commands: readonly Command[] = [
  up,
  status,
  climb,
  plan,
  apply,
  scale,
  switchover,
  edge,
  cache,
  purge,
  queue,
  queueJob,
  queueDead,
  queueCancel,
  queueSchedules,
  queueStreams,
  queueRewind,
  sessionsList,
  sessionsRevoke,
  sessionsRotateKey,
  dbMigrate,
  dbBackup,
  dbRestore,
  dbVerify,
  dbSalvage,
  seed,
  logs,
  fault,
  tour,
  topology,
  doctor,
  down,
]
