// Every service of ours survives start and stop from all sides: the stress of base/lifecycle-stress.ts, on the real thing.
// The list is held against the sources, so that a new service cannot be forgotten.

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pino } from 'pino'
import type { Service } from '../src/base/lifecycle.ts'
import { stressLifecycle } from '../src/base/lifecycle-stress.ts'
import { waitUntil } from '../src/base/limits.ts'
import { seededRandom } from '../src/base/random.ts'
import { ControlPort } from '../src/control/port.ts'
import { ControlServer } from '../src/control/server.ts'
import { homeOf } from '../src/map/home.ts'
import type { Role as NodeRole, SystemMap } from '../src/map/map.ts'
import type { Secrets } from '../src/map/secrets.ts'
import { MapSubscription } from '../src/map/subscription.ts'
import { openContext, type ProcessContext } from '../src/processes/context.ts'
import { DatabaseProbe } from '../src/processes/database-probe.ts'
import { DoorServer } from '../src/processes/door/server.ts'
import { FrontEdge } from '../src/processes/front/front-edge.ts'
import { Invalidations } from '../src/processes/front/invalidations.ts'
import { openFrontRole } from '../src/processes/front.ts'
import { Janitor } from '../src/processes/janitor.ts'
import { PurgeFollower } from '../src/processes/purges/purge-follower.ts'
import { JobWatch } from '../src/processes/queue/job-watch.ts'
import { startTestSystem, type TestSystem } from '../src/processes/testing/test-system.ts'
import { openWebRole } from '../src/processes/web.ts'
import { openWorkerRole } from '../src/processes/worker.ts'
import { freePort } from '../src/programs/testing.ts'
import { ShardArchive } from '../src/supervisor/backup/archive.ts'
import { WalArchiver } from '../src/supervisor/backup/archiver.ts'
import { Backups } from '../src/supervisor/backup/backups.ts'
import { WalFeeder } from '../src/supervisor/backup/restore/wal-feeder.ts'
import { ShardBackup } from '../src/supervisor/backup/shard-backup.ts'
import { FolderStore } from '../src/supervisor/backup/store/folder.ts'
import { CacheWatch } from '../src/supervisor/cache-watch.ts'
import { EventLog } from '../src/supervisor/events.ts'
import type { Mender } from '../src/supervisor/executor.ts'
import { Fleet } from '../src/supervisor/fleet.ts'
import { LogRotation } from '../src/supervisor/log-rotation.ts'
import { MapKeeper } from '../src/supervisor/map-keeper.ts'
import { ReplicationWatch } from '../src/supervisor/replication/replication-watch.ts'
import { Scaler } from '../src/supervisor/scaling/scaler.ts'
import { openWebScaling } from '../src/supervisor/scaling/web-role.ts'
import { Supervisor } from '../src/supervisor/supervisor.ts'
import type { System } from '../src/supervisor/system.ts'
import { openDatabase } from '../src/tiers/database/database.ts'
import { DatabaseRouter } from '../src/tiers/database/router.ts'
import { KpiCollector } from '../src/tiers/telemetry/kpi-collector.ts'
import { resolveTopology } from '../src/topology/topology.ts'

const app = "export default { setup({ http }) { http.get('/', () => 'here') } }\n"
const log = pino({ level: 'silent' })

let system: TestSystem
let dir: string
let router: DatabaseRouter
let map: MapSubscription

before(async () => {
  system = await startTestSystem({ 'app.ts': app })
  dir = await mkdtemp(join(tmpdir(), 'tenfold-services-'))
  map = new MapSubscription(system.home.map)
  await map.start()
  const context = await contextOf('us-east/web-9', 'web')
  const web = await openWebRole(context) // its start migrates
  await web.start()
  await web.stop()
  await context.map.stop()
  router = new DatabaseRouter({ map, secrets: system.postgres.secrets, node: 'us-east/web-9' })
  await router.start()
})

after(async () => {
  await router.stop()
  await map.stop()
  await system[Symbol.asyncDispose]()
  await rm(dir, { recursive: true, force: true })
})

const idleMender: Mender = {
  repair: () => false,
  isRepairing: () => false,
  lastErrorOf: () => undefined,
  apply: () => [],
  progress: null,
  isScaling: false,
}

/** Makes each service, and tells whether it is usable. */
const services: Record<string, () => Promise<{ service: Service; isUsable?: () => Promise<boolean> }>> = {
  Backups: async () => {
    const map = emptyMap(0)
    map.topology.database.backup.to = join(dir, 'backups')
    const keeper = new MapKeeper(homeOf(dir), map)
    const secrets = secretsOf(system)
    return { service: new Backups({ keeper, events: new EventLog(log), secrets }) }
  },
  CacheWatch: async () => ({ service: new CacheWatch(systemWith(emptyMap(0)), idleMender) }),
  ControlServer: async () => {
    const [port, token] = [await freePort(), 'a token of the tests']
    const service = new ControlServer(await supervisorOf('control'), {
      ...{ openPort: () => ControlPort.open(port), token, dashboardDir: dir, version: '0', onDown: () => {} },
      record: { pid: process.pid, since: '' },
    })
    const headers = { authorization: `Bearer ${token}` }
    return { service, isUsable: async () => (await fetch(`http://127.0.0.1:${port}/api/status`, { headers })).ok }
  },
  DatabaseProbe: async () => ({ service: new DatabaseProbe(openDatabase(router)) }),
  DatabaseRouter: async () => {
    const service = new DatabaseRouter({ map, secrets: system.postgres.secrets, node: 'us-east/web-9' })
    return { service, isUsable: async () => (await openDatabase(service).shards()[0]?.query('select 1'))?.length === 1 }
  },
  DoorServer: async () => {
    const state = () => ({ node: 'us-east/web-9', mapVersion: 1, isReady: true, hasEntry: false, inFlight: 0 })
    return { service: new DoorServer(system.home, 'us-east/web-9', { state, applyMap: async () => {} }) }
  },
  Fleet: async () => {
    const keeper = new MapKeeper(homeOf(dir), emptyMap(0))
    const service = new Fleet(keeper, new EventLog(log), () => assert.fail('there is no node'))
    return { service }
  },
  Front: async () => {
    const context = await contextOf('us-east/front-1', 'front')
    return { service: await openFrontRole(context), isUsable: () => answers(context, '/-/live') }
  },
  FrontEdge: async () => {
    const service = new FrontEdge(await contextOf('us-east/front-2', 'front'))
    return { service, isUsable: async () => service.report().objects === 0 }
  },
  Invalidations: async () => ({ service: new Invalidations(async () => {}) }),
  Janitor: async () => ({ service: new Janitor([], log) }),
  JobWatch: async () => ({ service: new JobWatch('us-east/worker-1', () => []) }),
  KpiCollector: async () => {
    const home = () => openDatabase(router).shards()[0] ?? assert.fail('there is a shard')
    return { service: new KpiCollector({ home, log }) }
  },
  LogRotation: async () => ({ service: new LogRotation(dir) }),
  MapSubscription: async () => ({ service: new MapSubscription(system.home.map) }),
  PurgeFollower: async () => {
    const apply = async () => ({ objects: 0 })
    const warn = (message: string) => assert.fail(message)
    return { service: new PurgeFollower({ log: join(dir, 'purges'), place: join(dir, 'place'), apply, warn }) }
  },
  ReplicationWatch: async () => ({ service: new ReplicationWatch(systemWith(emptyMap(0)), idleMender) }),
  Scaler: async () => {
    const keeper = new MapKeeper(homeOf(dir), emptyMap(0))
    const executor = {
      ...{ scale: () => false, endScaling: () => {}, scaling: undefined },
      ...{ progress: null, isHalfWay: false, scalingFailure: () => null },
    }
    const open = () => openWebScaling(homeOf(dir))
    const service = new Scaler({ keeper, events: new EventLog(log) }, executor, open)
    return { service, isUsable: async () => service.status() === null }
  },
  ShardBackup: async () => {
    const service = new ShardBackup({
      ...{ id: 's1', store: new FolderStore(join(dir, 'shard')), secrets: system.postgres.secrets },
      servers: () => ({ primary: { ...system.postgres, id: 'primary' }, replicas: [] }),
      intervals: () => ({ everyMs: 3_600_000, keepMs: 0 }),
      tell: () => {},
    })
    return { service, isUsable: async () => service.status().id === 's1' }
  },
  Supervisor: async () => ({ service: await supervisorOf('supervisor') }),
  WalArchiver: async () => {
    const service = new WalArchiver({
      ...{ archive: new ShardArchive(new FolderStore(join(dir, 'archive')), 's1'), secrets: system.postgres.secrets },
      primary: () => ({ ...system.postgres, id: 'primary' }),
      replicas: () => [],
      tell: () => {},
      onGap: () => {},
    })
    const archives = () => waitUntil(() => service.run?.until, { what: 'the archive', timeoutMs: 20_000 })
    return { service, isUsable: async () => (await archives()) !== '' }
  },
  WalFeeder: async () => {
    const archive = new ShardArchive(new FolderStore(join(dir, 'empty')), 's1')
    const wal = { segments: new Set<string>(), partials: new Set<string>(), histories: new Set<number>() }
    return { service: new WalFeeder({ archive, wal, path: [], dir: join(dir, 'feed'), owner: undefined }) }
  },
  WebRole: async () => {
    const context = await contextOf('us-east/web-1', 'web')
    return { service: await openWebRole(context), isUsable: () => answers(context, '/') }
  },
  WorkerRole: async () => ({ service: await openWorkerRole(await contextOf('us-east/worker-1', 'worker')) }),
}

for (const [name, make] of Object.entries(services))
  test(`${name} can be started and stopped from all sides`, async () => {
    const { service, isUsable = async () => true } = await make()
    const seed = Date.now() >>> 0
    await stressLifecycle(service, seededRandom(seed), isUsable).catch((error) => {
      throw new Error(`seed ${seed}`, { cause: error })
    })
  })

test('every service of the sources is in the list', () => {
  const sources = globSync('src/**/*.ts', { exclude: ['**/*.test.ts'] }).map((file) => readFileSync(file, 'utf8'))
  const classes = sources.flatMap((source) => [...source.matchAll(/(abstract )?class (\w+) extends (\w+)/g)])
  // What several services have in common is a class of its own, and no service.
  const bases = classes.filter(([, isAbstract, , base]) => isAbstract && base === 'Lifecycle').map(([, , name]) => name)
  const found = classes
    .filter(([, isAbstract, , base]) => !isAbstract && ['Lifecycle', ...bases].includes(String(base)))
    .map(([, , name]) => String(name))
  assert.deepEqual(found.sort(), Object.keys(services).sort())
})

function systemWith(map: SystemMap): System {
  return { keeper: new MapKeeper(homeOf(dir), map) } as unknown as System
}

function secretsOf({ postgres }: TestSystem): Secrets {
  return {
    postgres: postgres.secrets,
    redis: { admin: '', app: '', replica: '' },
    nats: { admin: '', app: '', route: '' },
    cookieKeys: [],
    controlToken: '',
  }
}

async function supervisorOf(name: string): Promise<Supervisor> {
  const home = homeOf(join(dir, name))
  await mkdir(home.logs, { recursive: true })
  const secrets = secretsOf(system)
  return new Supervisor(home, emptyMap(await freePort()), secrets, log)
}

async function contextOf(id: string, role: NodeRole): Promise<ProcessContext> {
  if (!system.map.nodes.some((node) => node.id === id)) {
    const port = await freePort()
    await system.change(({ nodes }) => {
      nodes.push({
        ...{ id, role, region: 'us-east', host: 'us-east/host-1', address: '127.0.0.1', port },
        ...{ pid: null, state: 'starting', since: '', restarts: 0, entry: false },
      })
    })
  }
  const context = await openContext({ TENFOLD_HOME: system.home.dir, TENFOLD_NODE: id })
  after(() => context.map.stop())
  return { ...context, log, closesIdle: true }
}

async function answers(context: ProcessContext, path: string): Promise<boolean> {
  const { address, port } = context.self()
  return (await fetch(`http://${address}:${port}${path}`)).ok
}

function emptyMap(port: number): SystemMap {
  return {
    version: 1,
    system: 'services',
    rung: 1,
    topology: resolveTopology({}),
    appDir: dir,
    entry: { address: '127.0.0.1', port },
    portBase: 8000,
    hasHostAddresses: false,
    nodes: [],
    shards: [],
    regions: [],
  }
}
