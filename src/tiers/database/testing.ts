// A database tier for tests: a real PostgreSQL, a real map file, a router on it, and tables to write into.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MapNode, NodeState, SystemMap } from '../../map/map.ts'
import { writeMap } from '../../map/store.ts'
import { MapSubscription } from '../../map/subscription.ts'
import { startTestPostgres, type TestPostgres } from '../../programs/postgres/testing.ts'
import { resolveTopology } from '../../topology/topology.ts'
import type { Database } from './contract.ts'
import { openDatabase } from './database.ts'
import { migrate } from './migrations/migrate.ts'
import type { RouterOptions } from './options.ts'
import { DatabaseRouter } from './router.ts'
import { allSlots } from './slots.ts'

export interface TestTables {
  counters: { user_id: string; n: string }
  entries: { user_id: string; id: string; writer: string }
  countries: { code: string; name: string }
}

export const testTables = `
  CREATE TABLE counters (user_id text COLLATE "C" PRIMARY KEY, n bigint NOT NULL) PARTITION BY HASH (user_id);
  CREATE TABLE entries (
    user_id text COLLATE "C" REFERENCES counters, id text COLLATE "C", writer text NOT NULL, PRIMARY KEY (user_id, id)
  ) PARTITION BY HASH (user_id);
  CREATE TABLE countries (code text COLLATE "C" PRIMARY KEY, name text NOT NULL);`

type Address = { address: string; port: number }

export interface TestDatabase extends AsyncDisposable {
  server: TestPostgres
  map: MapSubscription
  /** What other processes read the map from. */
  mapFile: string
  router: DatabaseRouter
  db: Database<TestTables>
  /** A further router on the same map, as another process has one. */
  openRouter(options?: Partial<RouterOptions>): Promise<DatabaseRouter>
  /** Writes a map whose primary is this server. Routers hear of it as they do in life: when they look. */
  makePrimary(server: Address): Promise<void>
  /** Writes a map in which a replica that it named is the primary, and of the new timeline. */
  promote(replica: Address, timeline: { timeline: number; timelineStart: string }): Promise<void>
  /** Writes a map of these replicas, each ready unless it says otherwise; of that timeline, when it changed. */
  setReplicas(
    replicas: ReadonlyArray<Address & { state?: NodeState }>,
    timeline?: { timeline: number; timelineStart: string },
  ): Promise<void>
  stop(): Promise<void>
}

export async function startTestDatabase(
  options: { sql?: string; router?: Partial<RouterOptions>; shards?: number; lagBytesMax?: number } = {},
): Promise<TestDatabase> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-database-'))
  const server = await startTestPostgres()
  const mapFile = join(dir, 'map.json')
  const { shards = 1, lagBytesMax } = options
  const terms: MapTerms = { version: 1, primary: 1, shards, server, replicas: [], timeline: 1, timelineStart: '0/0' }
  if (lagBytesMax !== undefined) terms.lagBytesMax = lagBytesMax
  await writeMap(mapFile, mapOf(terms))
  await mkdir(join(dir, 'migrations'))
  await writeFile(join(dir, 'migrations', '0001.sql'), options.sql ?? testTables)
  await migrate({
    connection: { address: server.address, port: server.port, password: server.secrets.owner },
    sources: [{ name: 'test', dir: join(dir, 'migrations') }],
  })
  const map = new MapSubscription(mapFile)
  await map.start()
  const routers: DatabaseRouter[] = []
  const openRouter = async (routerOptions: Partial<RouterOptions> = {}) => {
    const router = new DatabaseRouter({ map, secrets: server.secrets, node: 'r/web-1' }, routerOptions)
    await router.start()
    routers.push(router)
    return router
  }
  const router = await openRouter(options.router)
  const stop = async () => {
    for (const open of routers) await open.stop()
    await map.stop()
    await server.stop()
    await rm(dir, { recursive: true, force: true })
  }
  return {
    server,
    map,
    mapFile,
    router,
    db: openDatabase<TestTables>(router),
    openRouter,
    makePrimary(next) {
      Object.assign(terms, {
        version: terms.version + 1,
        primary: terms.primary + 1,
        server: next,
        primaryId: undefined,
      })
      return writeMap(mapFile, mapOf(terms))
    },
    promote(replica, timeline) {
      const replicas = terms.replicas.filter(({ port }) => port !== replica.port)
      const primaryId = replicaId(replica)
      Object.assign(terms, { version: terms.version + 1, server: replica, replicas, primaryId, ...timeline })
      return writeMap(mapFile, mapOf(terms))
    },
    setReplicas(replicas, timeline = {} as never) {
      Object.assign(terms, { version: terms.version + 1, replicas, ...timeline })
      return writeMap(mapFile, mapOf(terms))
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface MapTerms {
  version: number
  /** Number of the first shard's primary; the others follow. */
  primary: number
  /** The first shard's primary was a replica, and keeps its id. */
  primaryId?: string | undefined
  /** Shards, which share the slots and, in these tests, one server. */
  shards: number
  server: Address
  /** Of the first shard. */
  replicas: ReadonlyArray<Address & { state?: NodeState }>
  timeline: number
  timelineStart: string
  lagBytesMax?: number
}

const replicaId = ({ port }: Address) => `r/postgres-at-${port}`

function mapOf(terms: MapTerms): SystemMap {
  const { version, primary, primaryId, shards, server, replicas, timeline, timelineStart, lagBytesMax } = terms
  const nodes = Array.from({ length: shards }, (_, i) =>
    nodeOf({
      ...server,
      id: (i === 0 && primaryId) || `r/postgres-${primary + i}`,
      shard: `s${i + 1}`,
      database: 'primary',
    }),
  )
  const replicaNodes = replicas.map((replica) =>
    nodeOf({ ...replica, id: replicaId(replica), shard: 's1', database: 'replica' }),
  )
  return {
    version,
    system: 'test',
    topology: resolveTopology({
      rung: 1,
      database: lagBytesMax === undefined ? {} : { replicaLagBytesMax: lagBytesMax },
    }),
    rung: 1,
    hasHostAddresses: true,
    appDir: '/',
    entry: { address: '127.0.0.1', port: 0 },
    portBase: 0,
    nodes: [...nodes, ...replicaNodes],
    shards: nodes.map(({ id }, i) => ({
      id: `s${i + 1}`,
      slots: allSlots.filter((slot) => slot % shards === i),
      primary: id,
      replicas: i === 0 ? replicaNodes.map(({ id }) => id) : [],
      timeline,
      timelineStart,
      durability: 'single',
      quorums: [],
    })),
    regions: [],
  }
}

function nodeOf(node: Pick<MapNode, 'id' | 'address' | 'port'> & Partial<MapNode>): MapNode {
  return {
    role: 'postgres',
    region: 'r',
    host: 'r/host-1',
    pid: null,
    state: 'ready',
    since: new Date(0).toISOString(),
    restarts: 0,
    entry: false,
    ...node,
  }
}
