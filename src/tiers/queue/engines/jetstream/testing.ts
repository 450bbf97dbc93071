// Engines over real servers, for tests.

import { waitUntil } from '../../../../base/limits.ts'
import { startTestNats, type TestNats } from '../../../../programs/nats/testing.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import { startTestDatabase, type TestDatabase } from '../../../database/testing.ts'
import type { QueueEngine, TakeRequest } from '../../contract.ts'
import type { JobLedger } from '../../ledger/contract.ts'
import { openPostgresQueue } from '../postgres/engine.ts'
import { openJobLedger } from '../postgres/ledger/ledger.ts'
import { queueSql } from '../postgres/testing.ts'
import { type JetStreamQueue, openJetStreamQueue } from './engine.ts'
import type { JetStreamLimits } from './options.ts'

/** What all tests of a file share: a database with the tables of the queue, and one server. Whoever asks for them stops them. */
export async function startDatabaseAndNats() {
  const [database, server] = await Promise.all([queueSql().then((sql) => startTestDatabase({ sql })), startTestNats()])
  return { database, server, stop: () => Promise.all([database.stop(), server.stop()]) }
}

export interface TestQueue extends AsyncDisposable {
  queue: JetStreamQueue
  postgres: QueueEngine
  ledger: JobLedger
  /** The same, where who takes first waits until everything that is due was relayed. Something has to watch meanwhile. */
  settling: QueueEngine
}

export async function openTestQueue(
  servers: readonly TestNats[],
  database: TestDatabase,
  {
    prefix,
    limits,
    replicas = servers.length === 3 ? 3 : 1,
  }: {
    prefix?: string
    limits?: Partial<JetStreamLimits>
    replicas?: 1 | 3
  } = {},
): Promise<TestQueue> {
  const shards = () => database.db.shards()
  const postgres = openPostgresQueue(shards)
  const ledger = openJobLedger(shards)
  const queue = await openJetStreamQueue({
    servers: servers.map(({ address, port }) => ({ address, port })),
    username: 'app',
    password: servers[0]?.secrets.app ?? '',
    replicas,
    postgres,
    ledger,
    shards,
    log: { warn() {} },
    ...(prefix !== undefined && { prefix }),
    ...(limits && { limits }),
  })
  return {
    queue,
    postgres,
    ledger,
    settling: settlingEngine(queue, shards),
    async [Symbol.asyncDispose]() {
      await queue.close()
      await postgres.close()
    },
  }
}

const dueStatement = `
select from tenfold.queue_jobs where queue = $1 and key is null and (run_at is null or run_at <= clock_timestamp()) limit 1`

function settlingEngine(queue: JetStreamQueue, shards: () => readonly ShardDatabase[]): QueueEngine {
  const isDue = async (name: string) => {
    const found = await Promise.all(shards().map((shard) => shard.query(dueStatement, [name])))
    return found.flat().length > 0
  }
  const settled = (name: string) =>
    waitUntil(async () => !(await isDue(name)), { what: `jobs of ${name} on the server`, timeoutMs: 30_000 })
  return new Proxy(queue, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'take') return value.bind(target)
      return async (request: TakeRequest) => {
        await settled(request.queue)
        return target.take(request)
      }
    },
  })
}
