// A system for tests of our processes: a real PostgreSQL, a map and secrets on disk, and processes started as the
// supervisor starts them.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { waitUntil } from '../../base/limits.ts'
import { type Home, homeOf } from '../../map/home.ts'
import { type MapNode, newShard, type SystemMap } from '../../map/map.ts'
import { writeMap } from '../../map/store.ts'
import { startTestPostgres, type TestPostgres, testDir } from '../../programs/postgres/testing.ts'
import { freePort } from '../../programs/testing.ts'
import type { TopologyInput } from '../../topology/schema.ts'
import { resolveTopology } from '../../topology/topology.ts'
import { DoorClient } from '../door/client.ts'

const timeoutMs = 60_000

export interface TestSystem extends AsyncDisposable {
  home: Home
  postgres: TestPostgres
  map: SystemMap
  /** Puts files beside the topology. */
  write(files: Record<string, string>): Promise<void>
  /** Writes the next version of the map. */
  change(work: (map: SystemMap) => void): Promise<void>
  /** Asks the app's database, as its owner. */
  sql<Row>(text: string): Promise<Row[]>
  /** Starts a node's process; `entryFd` becomes its descriptor 3. */
  start(id: string, role: 'web' | 'worker', entryFd?: number): Promise<TestProcess>
}

export interface TestProcess {
  child: ChildProcess
  door: DoorClient
  node: MapNode
  /** `http://address:port` of its private address. */
  url: string
  /** Everything it wrote. */
  output(): string
  ready(): Promise<void>
  /** Resolves with its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** `files` are put beside the topology: the app at `app.ts`, its migrations. */
export async function startTestSystem(
  files: Record<string, string>,
  topology: TopologyInput = {},
): Promise<TestSystem> {
  const postgres = await startTestPostgres()
  const dir = await testDir()
  const home = homeOf(join(dir, 'state'))
  await mkdir(home.logs, { recursive: true })
  const write: TestSystem['write'] = async (texts) => {
    for (const [name, text] of Object.entries(texts)) {
      await mkdir(join(dir, name, '..'), { recursive: true })
      await writeFile(join(dir, name), text)
    }
  }
  await write(files)
  const redis = { admin: '', app: '', replica: '' }
  const secrets = { postgres: postgres.secrets, redis, cookieKeys: ['a key of the tests'], controlToken: 'none' }
  await writeFile(home.secrets, JSON.stringify(secrets))
  const map = mapOf(dir, topology, postgres)
  await writeMap(home.map, map)
  const started: TestProcess[] = []

  const change: TestSystem['change'] = async (work) => {
    work(map)
    map.version++
    await writeMap(home.map, map)
  }

  return {
    home,
    postgres,
    map,
    write,
    change,
    async sql<Row>(text: string) {
      const { address: host, port, secrets } = postgres
      const client = new pg.Client({ host, port, user: 'owner', password: secrets.owner, database: 'app' })
      await client.connect()
      try {
        return (await client.query(text)).rows as Row[]
      } finally {
        await client.end()
      }
    },
    async start(id, role, entryFd) {
      const node = {
        ...nodeDefaults,
        id,
        role,
        address: '127.0.0.1',
        port: await freePort(),
        entry: entryFd !== undefined,
      }
      await change(({ nodes }) => nodes.push(node))
      const process = startProcess(home, node, entryFd)
      started.push(process)
      return process
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((process) => process.stop('SIGKILL')))
      await postgres.stop()
      await rm(dir, { recursive: true, force: true })
      await rm(home.doors, { recursive: true, force: true })
    },
  }
}

function startProcess(home: Home, node: MapNode, entryFd: number | undefined): TestProcess {
  const file = fileURLToPath(new URL(`../${node.role}.ts`, import.meta.url))
  const env: NodeJS.ProcessEnv = { ...process.env, TENFOLD_HOME: home.dir, TENFOLD_NODE: node.id }
  delete env['LISTEN_FDS']
  delete env['NODE_TEST_CONTEXT']
  if (entryFd !== undefined) env['LISTEN_FDS'] = '1'
  const child = spawn(process.execPath, ['-C', 'source', file], {
    stdio: ['ignore', 'pipe', 'pipe', ...(entryFd === undefined ? [] : [entryFd])],
    env,
  })
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  child.stderr?.on('data', (chunk) => {
    output += chunk
  })
  const door = new DoorClient(home, node.id)
  return {
    child,
    door,
    node,
    url: `http://${node.address}:${node.port}`,
    output: () => output,
    async ready() {
      await waitUntil(
        async () => {
          if (child.exitCode !== null) return true
          return (await door.state()).isReady
        },
        { what: `${node.id} ready`, timeoutMs },
      )
      if (child.exitCode !== null) throw new Error(`${node.id} ended: ${output}`)
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      const exit = once(child, 'close')
      child.kill(signal)
      await exit
      return child.exitCode
    },
  }
}

const nodeDefaults = {
  region: 'us-east',
  host: 'us-east/host-1',
  pid: null,
  state: 'ready',
  since: '2026-01-01T00:00:00.000Z',
  restarts: 0,
} as const

function mapOf(appDir: string, topology: TopologyInput, { address, port }: TestPostgres): SystemMap {
  return {
    version: 1,
    system: 'test',
    topology: resolveTopology(topology),
    appDir,
    rung: 1,
    hasHostAddresses: false,
    entry: { address: '127.0.0.1', port: 0 },
    portBase: 8000,
    nodes: [{ ...nodeDefaults, id: 'us-east/postgres-1', role: 'postgres', address, port, entry: false }],
    shards: [
      newShard({ id: 's1', slots: Array.from({ length: 64 }, (_, slot) => slot), primary: 'us-east/postgres-1' }),
    ],
    regions: [{ id: 'us-east', healthy: true, weight: 1 }],
  }
}
