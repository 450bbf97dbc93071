// Brings every shard to the schema that this process was written for, before it asks anything of it: the tiers' own
// tables first, then the app's. Cheap when there is nothing to do; several processes may do it at once. A primary that
// goes in the middle is followed by the next one of the map, which has all that was committed and goes on from there.

import { fileURLToPath } from 'node:url'
import { systemClock } from '../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../base/errors.ts'
import { nodeOf } from '../map/map.ts'
import type { MapSubscription } from '../map/subscription.ts'
import { databaseCacheMigrations } from '../tiers/cache/engines/database/guards.ts'
import type { MigrationSource } from '../tiers/database/migrations/files.ts'
import { checkMigrations, migrate } from '../tiers/database/migrations/migrate.ts'
import type { OwnerAddress } from '../tiers/database/migrations/owner-connection.ts'
import { postgresQueueMigrations } from '../tiers/queue/engines/postgres/engine.ts'
import { databaseSessionMigrations } from '../tiers/session/engines/database/engine.ts'

/** How long a shard may be without a primary while its migrations run. */
const absenceMsMax = 60_000
const askAgainMs = 500

/** SQL of the tiers, in the order in which it is applied. Names stay for ever: they are in every database. */
export const tierMigrations: readonly MigrationSource[] = [
  { name: 'tenfold-queue', dir: postgresQueueMigrations },
  { name: 'tenfold-session', dir: databaseSessionMigrations },
  { name: 'tenfold-web', dir: directoryOf('../tiers/web/migrations') },
  { name: 'tenfold-cache', dir: databaseCacheMigrations },
  { name: 'tenfold-kpi', dir: directoryOf('../tiers/telemetry/migrations') },
]

/** What it needs of a process, or of a command. */
export interface MigrateContext {
  map: Pick<MapSubscription, 'current' | 'refresh'>
  secrets: { postgres: { owner: string } }
  log: { info(fields: { shard: string }, message: string): void }
}

export type ShardMigrations = { shard: string } & Awaited<ReturnType<typeof migrate>>
export type ShardCheck = { shard: string } & Awaited<ReturnType<typeof checkMigrations>>

/** `appDir` is the app's own directory of SQL files. @throws what `migrate` throws; unavailable without a primary. */
export function migrateAll(context: MigrateContext, appDir: string | undefined): Promise<ShardMigrations[]> {
  const { log } = context
  return onEveryShard(context, async (shard) => {
    const onProgress = (message: string) => log.info({ shard }, message)
    const applied = new Set<string>()
    await followingThePrimary(context, shard, async (connection) => {
      // Files of an attempt that was cut off are in the database; the next attempt finds them done.
      const done = await migrate({ connection, sources: sourcesOf(appDir), onProgress })
      for (const name of done.applied) applied.add(name)
    })
    return { shard, applied: [...applied] }
  })
}

/** What `migrateAll` would refuse, allow or warn of. */
export function checkAll(context: MigrateContext, appDir: string | undefined): Promise<ShardCheck[]> {
  return onEveryShard(context, async (shard) => {
    const connection = primaryOf(context, shard)
    return { shard, ...(await checkMigrations({ connection, sources: sourcesOf(appDir) })) }
  })
}

/** All shards at once, and the end of all of them is waited for before one's failure is told. */
async function onEveryShard<T>({ map }: MigrateContext, work: (shard: string) => Promise<T>): Promise<T[]> {
  const results = await Promise.allSettled(map.current.shards.map(({ id }) => work(id)))
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

/** Repeats what lost its server in the middle. A server that was not there at the start is no failover. */
async function followingThePrimary(
  context: MigrateContext,
  shard: string,
  work: (connection: OwnerAddress) => Promise<void>,
): Promise<void> {
  let lostAt: number | undefined
  for (;;) {
    const began = systemClock.monotonic()
    try {
      return await work(primaryOf(context, shard))
    } catch (error) {
      const now = systemClock.monotonic()
      if (!isTenfoldError(error, 'unavailable')) throw error
      // Whoever had been at work for a while has lost a server anew, and has all the time again.
      const isLost = error.details['isLost'] === true
      if (isLost && (lostAt === undefined || now - began > absenceMsMax)) lostAt = now
      if (lostAt === undefined || now - lostAt > absenceMsMax) throw error
      context.log.info({ shard }, `${error.message}; waiting for its next primary`)
      await systemClock.sleep(askAgainMs)
      await context.map.refresh().catch(() => {}) // the old map then has to do
    }
  }
}

function primaryOf({ map, secrets }: MigrateContext, shard: string): OwnerAddress {
  const primary = map.current.shards.find(({ id }) => id === shard)?.primary
  const node = primary === undefined ? undefined : nodeOf(map.current, primary)
  if (!node) throw new TenfoldError('unavailable', `shard ${shard} has no primary in map ${map.current.version}`)
  return { address: node.address, port: node.port, password: secrets.postgres.owner }
}

function sourcesOf(appDir: string | undefined): readonly MigrationSource[] {
  return appDir === undefined ? tierMigrations : [...tierMigrations, { name: 'app', dir: appDir }]
}

function directoryOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
