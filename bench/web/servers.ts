// The two that are compared, each as one real process.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../../src/base/limits.ts'
import { homeOf } from '../../src/map/home.ts'
import { newShard, type SystemMap } from '../../src/map/map.ts'
import { writeMap } from '../../src/map/store.ts'
import type { TestPostgres } from '../../src/programs/postgres/testing.ts'
import { freePort } from '../../src/programs/testing.ts'
import { routerDefaults } from '../../src/tiers/database/options.ts'
import { resolveTopology } from '../../src/topology/topology.ts'
import { cpuMsOf } from './processor-time.ts'

export interface Server {
  name: 'tenfold' | 'fastify + pg'
  port: number
  /** Processor time that the process has used so far. */
  cpuMs(): number
  stop(): Promise<void>
}

const fileOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const profileArguments = process.argv.includes('--profile')
  ? ['--cpu-prof', `--cpu-prof-dir=${join(tmpdir(), 'tenfold-bench-web')}`]
  : []

export async function startPeer(postgres: TestPostgres): Promise<Server> {
  const port = await freePort()
  const env = {
    ...process.env,
    PGPORT: String(postgres.port),
    PGPASSWORD: postgres.secrets.app,
    PORT: String(port),
    POOL_MAX: String(routerDefaults.poolMax),
  }
  return serverOf('fastify + pg', port, spawn(process.execPath, [...profileArguments, fileOf('peer.ts')], { env }))
}

export async function startTenfold(postgres: TestPostgres, dir: string): Promise<Server> {
  const port = await freePort()
  const home = homeOf(join(dir, 'state'))
  await mkdir(home.logs, { recursive: true })
  await writeFile(home.secrets, JSON.stringify({ postgres: postgres.secrets, cookieKeys: ['bench'], controlToken: '' }))
  await writeMap(home.map, mapOf(port, postgres))
  const file = fileOf('../../src/processes/web.ts')
  const env = { ...process.env, TENFOLD_HOME: home.dir, TENFOLD_NODE: 'us-east/web-1' }
  return serverOf('tenfold', port, spawn(process.execPath, [...profileArguments, '-C', 'source', file], { env }))
}

async function serverOf(name: Server['name'], port: number, child: ChildProcess): Promise<Server> {
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output = (output + chunk).slice(-4000)
  })
  child.stderr?.on('data', (chunk) => {
    output = (output + chunk).slice(-4000)
  })
  const isListening = () =>
    new Promise<boolean>((resolve) => {
      if (child.exitCode !== null) throw new Error(`${name} ended: ${output}`)
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.on('connect', () => socket.destroy())
      socket.on('error', () => resolve(false))
    })
  await waitUntil(isListening, { what: `${name} listening`, timeoutMs: 20_000 })
  return {
    name,
    port,
    cpuMs: () => cpuMsOf(child.pid as number),
    async stop() {
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      await exit
    },
  }
}

function mapOf(port: number, postgres: TestPostgres): SystemMap {
  const node = {
    region: 'us-east',
    host: 'us-east/host-1',
    address: '127.0.0.1',
    pid: null,
    state: 'ready',
    since: new Date(0).toISOString(),
    restarts: 0,
    entry: false,
  } as const
  return {
    version: 1,
    system: 'bench',
    topology: resolveTopology({ web: { drainMs: 500 } }),
    appDir: fileOf('.'),
    rung: 1,
    hasHostAddresses: false,
    entry: { address: '127.0.0.1', port: 0 },
    portBase: 8000,
    nodes: [
      { ...node, id: 'us-east/web-1', role: 'web', port },
      { ...node, id: 'us-east/postgres-1', role: 'postgres', port: postgres.port },
    ],
    shards: [
      newShard({ id: 's1', slots: Array.from({ length: 64 }, (_, slot) => slot), primary: 'us-east/postgres-1' }),
    ],
    regions: [{ id: 'us-east', healthy: true, weight: 1 }],
  }
}
