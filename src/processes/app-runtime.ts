// Everything that the app needs in a process, opened in order and closed in reverse: database, sessions, cache, queue,
// figures, and over them the app's own setup. The web role and the worker role differ only in what they do with it.

import { dirname, resolve } from 'node:path'
import { TenfoldError } from '../base/errors.ts'
import { openDatabaseWrites } from '../tiers/cache/engines/database/writes.ts'
import { WriteBackTier } from '../tiers/cache/write-back/write-back.ts'
import { openDatabase } from '../tiers/database/database.ts'
import { slotCount, slotOfInteger, slotOfText } from '../tiers/database/hash.ts'
import { DatabaseRouter } from '../tiers/database/router.ts'
import { openJobLedger } from '../tiers/queue/engines/postgres/ledger/ledger.ts'
import { openPostgresSchedules } from '../tiers/queue/engines/postgres/schedules/store.ts'
import { QueueTier } from '../tiers/queue/queue.ts'
import type { UserSessions } from '../tiers/session/contract.ts'
import { openCachedSessions } from '../tiers/session/engines/cached/engine.ts'
import { openDatabaseSessions } from '../tiers/session/engines/database/engine.ts'
import { openSessions } from '../tiers/session/session.ts'
import { openUserSessions } from '../tiers/session/user-sessions.ts'
import { kpi } from '../tiers/telemetry/kpi.ts'
import { KpiCollector } from '../tiers/telemetry/kpi-collector.ts'
import { openAssets } from '../tiers/web/assets/assets.ts'
import { openOnce, sweepOnce } from '../tiers/web/once.ts'
import { openWeb, type Web } from '../tiers/web/web.ts'
import { Background } from './background.ts'
import { openProcessCache } from './cache/open-cache.ts'
import type { CacheReport } from './cache/report.ts'
import type { ProcessContext } from './context.ts'
import { FollowedCookieKeys } from './cookie-keys.ts'
import { DatabaseProbe } from './database-probe.ts'
import { followSchema } from './follow-schema.ts'
import { forkQuarantine } from './fork-quarantine.ts'
import { Janitor } from './janitor.ts'
import { loadApp } from './load-app.ts'
import { migrateAll } from './migrate-all.ts'
import { OpenStack } from './open-stack.ts'
import { QueueDesk } from './queue/desk.ts'
import { JobWatch } from './queue/job-watch.ts'
import { openQueueEngines } from './queue-engine.ts'

/** Requests that one process works on at once; a Node process that has more has lost already. */
const requestsMax = 5000

export interface AppRuntime {
  web: Web
  router: DatabaseRouter
  background: Background
  queueDesk: QueueDesk
  users: UserSessions
  cacheReport(): Promise<CacheReport>
  /** Runs the jobs that the process which began this one sends. Instead of the background. */
  serveQuarantine(): void
  /** Why no request should come, or undefined. */
  trouble(): string | undefined
  /** Closes everything. Drain requests and jobs first. */
  close(): Promise<void>
}

export interface RuntimeOptions {
  /** Requests under way. */
  inFlight(): number
  /** Why no request should come, or undefined. */
  notReady(): string | undefined
}

/** @throws what is wrong with the app, or what its setup or migrations throw; nothing stays open then. */
export async function openAppRuntime(context: ProcessContext, options: RuntimeOptions): Promise<AppRuntime> {
  const { log, home, map, nodeId, secrets } = context
  const { topology, appDir } = map.current
  const app = await loadApp(map.current)
  const ownDir = dirname(resolve(appDir, topology.app))
  const stack = new OpenStack()
  try {
    await migrateAll(context, app.migrations === undefined ? undefined : resolve(ownDir, app.migrations))
    const router = await stack.start(new DatabaseRouter({ map, secrets: secrets.postgres, node: nodeId }))
    stack.keep(followSchema(map, router, log))
    const db = openDatabase<unknown>(router)
    const repeatMsMax = () => router.holdMsMax
    const probe = await stack.start(new DatabaseProbe(db))
    const slots = { slotOf: slotOfText, slotCount }
    const writeBack = new WriteBackTier(openDatabaseWrites(db, slots), { log })
    const cache = stack.keep(await openProcessCache(map.current, secrets, db, writeBack, log))
    const inDatabase = openDatabaseSessions(db, slots)
    const readsShared = () => map.current.sessions === 'shared'
    const sessions = cache.shared ? openCachedSessions(inDatabase, cache.shared, readsShared) : inDatabase
    const users = openUserSessions(sessions)
    const cookieKeys = stack.keep(await FollowedCookieKeys.open(context))
    const ledger = openJobLedger(() => db.shards())
    const { jobs: queueEngine, streams } = await openQueueEngines(context, { stack, shards: () => db.shards(), ledger })
    const schedules = openPostgresSchedules(db, slots)
    const queue = new QueueTier(queueEngine, { log, ledger, schedules, streams, forkQuarantine, holder: nodeId })
    const watch = await stack.start(new JobWatch(nodeId, () => queue.hands()))
    const assets = app.assets === undefined ? undefined : await openAssets(resolve(ownDir, app.assets), home.assets)
    await stack.start(new KpiCollector({ home: () => firstOf(db.shards()), log }))
    const sweeps = [
      { name: 'sessions', run: () => sessions.sweep() },
      { name: 'locks and limits', run: () => cache.sweep() },
      { name: 'ledger of jobs', run: () => ledger.sweep() },
      { name: 'streams', run: () => streams.sweep() },
      { name: 'schedules', run: () => schedules.sweep() },
      { name: 'idempotency keys', run: () => sweepOnce(db, slotCount) },
      ...(assets ? [{ name: 'old assets', run: () => assets.sweep() }] : []),
    ]
    await stack.start(new Janitor(sweeps, log))
    const web = stack.keep(
      await openWeb({
        app,
        ...(assets && { assets }),
        tiers: {
          db,
          cache: cache.cache,
          locks: cache.locks,
          limiter: cache.limiter,
          queue: queue.queue,
          sessions: users,
          kpi,
          log,
          once: openOnce({ keyOfSlot, repeatMsMax }),
          asset: assets ? assets.url : noAssets,
        },
        causality: db.causality,
        sessions: openSessions(sessions, { idleMs: topology.session.idleMs, cookieKeys }),
        node: nodeId,
        bodyBytesMax: topology.web.bodyBytesMax,
        requestsMax,
        inFlight: options.inFlight,
        notReady: options.notReady,
      }),
    )
    return {
      ...{ web, router, users },
      background: new Background(queue, writeBack),
      queueDesk: new QueueDesk({ queue, engine: queueEngine, ledger, schedules, streams, watch }),
      cacheReport: () => cache.report(),
      serveQuarantine: () => queue.serveQuarantine(),
      trouble: () => probe.trouble,
      close: () => stack.close(),
    }
  } catch (error) {
    await stack.close()
    throw error
  }
}

function noAssets(name: string): string {
  throw new TenfoldError(
    'bad-input',
    `there is no asset ${name}: the app names no directory of them (defineApp, assets)`,
  )
}

function firstOf<T>(items: readonly T[]): T {
  const [first] = items
  if (first === undefined) throw new Error('the map has no shard')
  return first
}

const keysOfSlots: number[] = []
for (let key = 0, found = 0; found < slotCount; key++) {
  const slot = slotOfInteger(key)
  if (keysOfSlots[slot] !== undefined) continue
  keysOfSlots[slot] = key
  found++
}

/** The smallest whole number that PostgreSQL hashes into a slot. */
function keyOfSlot(slot: number): number {
  return keysOfSlots[slot] as number
}
