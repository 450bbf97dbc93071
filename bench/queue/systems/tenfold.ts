// Ours as a process of the system has it: router, engine, tier; one handler of 16 at once, everything else by default.

import { MapSubscription } from '../../../src/map/subscription.ts'
import { openDatabase } from '../../../src/tiers/database/database.ts'
import { DatabaseRouter } from '../../../src/tiers/database/router.ts'
import { openPostgresQueue } from '../../../src/tiers/queue/engines/postgres/engine.ts'
import { QueueTier } from '../../../src/tiers/queue/queue.ts'
import { jobsAtOnce, type Open, type Payload } from './system.ts'

const drainMs = 5000

export const openTenfold: Open = async ({ postgres, queue }) => {
  const map = new MapSubscription(postgres.mapFile)
  await map.start()
  const node = `r/bench-${process.pid}`
  const router = new DatabaseRouter({ map, secrets: { app: postgres.app }, node })
  await router.start()
  const database = openDatabase(router)
  const engine = openPostgresQueue(() => database.shards(), { listen: { map, password: postgres.app, node } })
  const log = { warn: console.error, error: console.error }
  const tier = new QueueTier(engine, { log, holder: node })
  return {
    publish: (payload) => tier.queue.publish(queue, { ...payload }),
    publishMany: (payloads) =>
      tier.queue.publishMany(
        queue,
        payloads.map((payload) => ({ payload: { ...payload } })),
      ),
    async work(handle) {
      tier.queue.handle<Payload>(queue, { concurrency: jobsAtOnce }, async ({ payload }) => handle(payload))
      tier.startWorkers()
    },
    async close() {
      await tier.stopWorkers(drainMs)
      await engine.close()
      await router.stop()
      await map.stop()
    },
  }
}
