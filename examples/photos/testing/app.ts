// The app as it really runs, for its tests: a real PostgreSQL, the web process's own role with its jobs, requests over the network.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { pino } from 'pino'
import { homeOf } from '../../../src/map/home.ts'
import { type MapNode, newShard, nodeOf, type SystemMap } from '../../../src/map/map.ts'
import { writeSecrets } from '../../../src/map/secrets.ts'
import { writeMap } from '../../../src/map/store.ts'
import { MapSubscription } from '../../../src/map/subscription.ts'
import { openWebRole } from '../../../src/processes/web.ts'
import { startTestPostgres, testDir } from '../../../src/programs/postgres/testing.ts'
import { freePort } from '../../../src/programs/testing.ts'
import { openDatabase } from '../../../src/tiers/database/database.ts'
import { DatabaseRouter } from '../../../src/tiers/database/router.ts'
import { openPostgresQueue } from '../../../src/tiers/queue/engines/postgres/engine.ts'
import { resolveTopology } from '../../../src/topology/topology.ts'
import type { Schema } from '../schema.ts'
import topologyFile from '../topology.ts'

const nodeId = 'us-east/web-1'
const slots = Array.from({ length: 64 }, (_, slot) => slot)

export interface TestPhotos extends AsyncDisposable {
  baseUrl: string
  /** Publishes a job of the app, as its clock does. */
  publish(queue: string, payload: Record<string, unknown>): Promise<void>
  /** Asks the app's database, as its owner. */
  sql<Row>(text: string): Promise<Row[]>
}

export async function startTestPhotos(options: { logLevel?: string } = {}): Promise<TestPhotos> {
  const postgres = await startTestPostgres()
  const dir = await testDir()
  const home = homeOf(dir)
  await mkdir(home.doors, { recursive: true })
  const port = await freePort()
  await writeMap(home.map, mapOf(port, postgres))
  const secrets = {
    postgres: postgres.secrets,
    redis: { admin: '', app: '', replica: '' },
    nats: { admin: '', app: '', route: '' },
    cookieKeys: ['a key of the tests'],
    controlToken: '',
  }
  await writeSecrets(home, secrets)
  const map = new MapSubscription(home.map)
  await map.start()
  const self = nodeOf(map.current, nodeId) as MapNode
  const role = await openWebRole({
    home,
    map,
    secrets,
    log: pino({ level: options.logLevel ?? 'fatal' }),
    nodeId,
    self: () => self,
    hasEntrySocket: false,
    hasTlsEntrySocket: false,
    closesIdle: false,
  })
  const stop = async () => {
    await role.stop()
    await map.stop()
    await postgres.stop()
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await role.start()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    async publish(queue, payload) {
      const router = new DatabaseRouter({ map, secrets: postgres.secrets, node: nodeId })
      await router.start()
      const db = openDatabase<Schema>(router)
      const engine = openPostgresQueue(() => db.shards())
      try {
        await engine.publish([{ queue, body: JSON.stringify(payload), options: {} }])
      } finally {
        await engine.close()
        await router.stop()
      }
    },
    async sql<Row>(text: string) {
      const { address: host, secrets } = postgres
      const client = new pg.Client({
        host,
        port: postgres.port,
        user: 'owner',
        password: secrets.owner,
        database: 'app',
      })
      await client.connect()
      try {
        return (await client.query(text)).rows as Row[]
      } finally {
        await client.end()
      }
    },
    [Symbol.asyncDispose]: stop,
  }
}

function mapOf(port: number, postgres: { address: string; port: number }): SystemMap {
  const topology = resolveTopology({ ...topologyFile, rung: 1, web: { drainMs: 1_000 } })
  const node = {
    region: 'us-east',
    host: 'us-east/host-1',
    pid: process.pid,
    state: 'ready',
    since: new Date().toISOString(),
    restarts: 0,
    entry: false,
  } as const
  const database = { address: postgres.address, port: postgres.port, shard: 's1', database: 'primary' } as const
  return {
    version: 1,
    system: 'photos-test',
    rung: 1,
    topology,
    appDir: join(import.meta.dirname, '..'),
    entry: { address: '127.0.0.1', port },
    portBase: 0,
    hasHostAddresses: false,
    nodes: [
      { ...node, id: nodeId, role: 'web', address: '127.0.0.1', port },
      { ...node, id: 'us-east/postgres-1', role: 'postgres', ...database },
    ],
    shards: [newShard({ id: 's1', slots, primary: 'us-east/postgres-1' })],
    regions: [{ id: 'us-east', healthy: true, weight: 1 }],
  }
}
