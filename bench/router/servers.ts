// The servers that all ways share: one primary with two replicas, one sharded table, and the two maps of them.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../../src/base/limits.ts'
import type { MapNode, SystemMap } from '../../src/map/map.ts'
import { writeMap } from '../../src/map/store.ts'
import {
  connectAs,
  startTestPostgres,
  startTestReplica,
  type TestPostgres,
} from '../../src/programs/postgres/testing.ts'
import { migrate } from '../../src/tiers/database/migrations/migrate.ts'
import { allSlots } from '../../src/tiers/database/slots.ts'
import { resolveTopology } from '../../src/topology/topology.ts'
import { fillSql } from './notes.ts'
import type { Addresses } from './ways.ts'

export interface Servers {
  primary: TestPostgres
  replicas: readonly TestPostgres[]
  addresses: Omit<Addresses, 'pgBouncerPort'>
  stop(): Promise<void>
}

const replicaSlots = ['first', 'second']
/** Six ways to the primary keep ten connections each, and some watch it. */
const connectionsMax = 100
const catchUpMs = 20_000

export async function startServers(dir: string): Promise<Servers> {
  const primary = await startTestPostgres({ connectionsMax })
  const replicas: TestPostgres[] = []
  const stop = async () => {
    for (const server of [...replicas, primary]) await server.stop()
  }
  try {
    await fill(primary)
    for (const slot of replicaSlots) replicas.push(await startTestReplica(primary, { slot }))
    const { writtenLsn } = await primary.admin.state()
    for (const replica of replicas)
      await waitUntil(async () => (await replica.admin.state()).replayedLsn >= writtenLsn, {
        what: 'catching up',
        timeoutMs: catchUpMs,
      })
    return { primary, replicas, addresses: await writeMaps(dir, primary, replicas), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Vacuumed, so that nothing is left for the readers or a background worker to do. */
async function fill(primary: TestPostgres): Promise<void> {
  const { address, port, secrets, admin } = primary
  const dir = fileURLToPath(new URL('migrations', import.meta.url))
  await migrate({ connection: { address, port, password: secrets.owner }, sources: [{ name: 'bench', dir }] })
  await using owner = await connectAs(primary, 'owner')
  await owner.query(fillSql)
  await owner.query('vacuum analyze notes')
  await admin.query('checkpoint')
}

async function writeMaps(dir: string, primary: TestPostgres, replicas: TestPostgres[]): Promise<Servers['addresses']> {
  const [mapFile, replicatedMapFile] = [join(dir, 'map.json'), join(dir, 'replicated-map.json')]
  await writeMap(mapFile, mapOf(primary, []))
  await writeMap(replicatedMapFile, mapOf(primary, replicas))
  return { primaryPort: primary.port, password: primary.secrets.app, mapFile, replicatedMapFile }
}

function mapOf(primary: TestPostgres, replicas: readonly TestPostgres[]): SystemMap {
  const shard = { id: 's1', primary: 'r/postgres-1', replicas: replicas.map((_, i) => `r/postgres-${i + 2}`) }
  const node = ({ address, port }: TestPostgres, id: string, database: 'primary' | 'replica'): MapNode => ({
    id,
    role: 'postgres',
    region: 'r',
    host: 'r/host-1',
    address,
    port,
    pid: null,
    state: 'ready',
    since: new Date(0).toISOString(),
    restarts: 0,
    entry: false,
    shard: shard.id,
    database,
  })
  return {
    version: 1,
    system: 'bench',
    topology: resolveTopology({ rung: 1 }),
    rung: 1,
    hasHostAddresses: false,
    appDir: '/',
    entry: { address: '127.0.0.1', port: 0 },
    portBase: 0,
    nodes: [
      node(primary, shard.primary, 'primary'),
      ...replicas.map((replica, i) => node(replica, shard.replicas[i] as string, 'replica')),
    ],
    shards: [{ ...shard, slots: [...allSlots], timeline: 1, timelineStart: '0/0', durability: 'single', quorums: [] }],
    regions: [],
  }
}
