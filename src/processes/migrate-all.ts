// Brings every shard to the schema that this process was written for, before it asks anything of it: the tiers' own
// tables first, then the app's. Cheap when there is nothing to do; several processes may do it at once.

import { fileURLToPath } from 'node:url'
import { TenfoldError } from '../base/errors.ts'
import { nodeOf } from '../map/map.ts'
import type { MigrationSource } from '../tiers/database/migrations/files.ts'
import { migrate } from '../tiers/database/migrations/migrate.ts'
import { postgresQueueMigrations } from '../tiers/queue/engines/postgres/engine.ts'
import { databaseSessionMigrations } from '../tiers/session/engines/database/engine.ts'
import type { ProcessContext } from './context.ts'

/** SQL of the tiers, in the order in which it is applied. Names stay for ever: they are in every database. */
export const tierMigrations: readonly MigrationSource[] = [
  { name: 'tenfold-queue', dir: postgresQueueMigrations },
  { name: 'tenfold-session', dir: databaseSessionMigrations },
  { name: 'tenfold-web', dir: directoryOf('../tiers/web/migrations') },
  { name: 'tenfold-kpi', dir: directoryOf('../tiers/telemetry/migrations') },
]

/** `appDir` is the app's own directory of SQL files. @throws what `migrate` throws; unavailable without a primary. */
export async function migrateAll({ map, secrets, log }: ProcessContext, appDir: string | undefined): Promise<void> {
  const sources = appDir === undefined ? tierMigrations : [...tierMigrations, { name: 'app', dir: appDir }]
  await Promise.all(
    map.current.shards.map(async ({ id, primary }) => {
      const node = nodeOf(map.current, primary)
      if (!node) throw new TenfoldError('unavailable', `shard ${id} has no primary in map ${map.current.version}`)
      const connection = { address: node.address, port: node.port, password: secrets.postgres.owner }
      await migrate({ connection, sources, onProgress: (message) => log.info({ shard: id }, message) })
    }),
  )
}

function directoryOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
