// A database with the tables of the queue, and a tier that publishes to it and looks into it.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { environmentOf } from '../../../../../src/tiers/cache/engines/database/testing/process.ts'
import type { SlotDatabase } from '../../../../../src/tiers/database/contract.ts'
import { migrate } from '../../../../../src/tiers/database/migrations/migrate.ts'
import { startTestDatabase } from '../../../../../src/tiers/database/testing.ts'
import type { Queue, QueueDepth } from '../../../../../src/tiers/queue/contract.ts'
import { postgresQueueMigrations } from '../../../../../src/tiers/queue/engines/postgres/engine.ts'
import { QueueTier } from '../../../../../src/tiers/queue/queue.ts'
import { type Brokers, openEngine } from './open-engine.ts'

export interface QueueDatabase extends AsyncDisposable {
  dir: string
  /** How another process finds the database. */
  env: Record<string, string>
  queue: Queue
  transaction: SlotDatabase<unknown>['transaction']
  depthOf(queue: string): Promise<QueueDepth | undefined>
}

export async function startQueueDatabase(brokers?: Brokers): Promise<QueueDatabase> {
  await using stack = new AsyncDisposableStack()
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-queue-faults-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  const database = stack.use(await startTestDatabase({ sql: 'SELECT 1' }))
  const { address, port, secrets } = database.server
  await migrate({
    connection: { address, port, password: secrets.owner },
    sources: [{ name: 'tenfold/queue', dir: postgresQueueMigrations }],
  })
  const shards = () => database.db.shards()
  const engine = await openEngine(shards, brokers)
  stack.defer(() => engine.close())
  const { queue } = new QueueTier(engine, { log: { warn() {}, error() {} } })
  const owned = stack.move()
  return {
    dir,
    env: environmentOf(database),
    queue,
    transaction: (work, options) => database.db.slot(3).transaction(work as never, options) as never,
    async depthOf(name) {
      return (await engine.depth()).find((depth) => depth.queue === name)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
