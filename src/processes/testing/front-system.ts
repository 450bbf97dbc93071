// A system of one front and two servers of the test behind it, as a real front process finds it: map, secrets, and the public
// socket that it inherits.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { BoundSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Home, haproxyDirOf, homeOf } from '../../map/home.ts'
import type { MapNode, SystemMap } from '../../map/map.ts'
import { makeSecrets } from '../../map/secrets.ts'
import { writeMap } from '../../map/store.ts'
import { stopLeftHaproxy } from '../../programs/haproxy/left.ts'
import { openUpstreamServer, type UpstreamServer } from '../../tiers/balancer/testing/upstream-server.ts'
import { resolveTopology } from '../../topology/topology.ts'

const address = '127.0.0.1'

export const frontId = 'us-east/front-1'

export interface FrontSystem {
  home: Home
  map: SystemMap
  /** The public socket. */
  bound: BoundSocket
  /** The first server is ready. */
  a: UpstreamServer
  /** The second one is still starting, as the map has it. */
  b: UpstreamServer
  /** Killed after the test, with what they left serving. */
  fronts: ChildProcess[]
}

type Given = Parameters<typeof resolveTopology>[0]

export async function openFrontSystem(t: TestContext, over: Partial<Given> = {}): Promise<FrontSystem> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-front-'))
  const home = homeOf(dir)
  const fronts: ChildProcess[] = []
  t.after(async () => {
    for (const front of fronts) await killed(front)
    await stopLeftHaproxy(haproxyDirOf(home, frontId))
    await rm(dir, { recursive: true, force: true })
  })
  const [a, b] = await Promise.all([openUpstreamServer('a'), openUpstreamServer('b')])
  t.after(() => Promise.all([a.close(), b.close()]))
  const bound = new BoundSocket({ host: address, port: 0 })
  t.after(() => bound.close())
  const own = new BoundSocket({ host: address, port: 0 })
  const ownPort = own.address().port
  own.close()
  const map: SystemMap = {
    ...{ version: 1, system: 'test', rung: 3, hasHostAddresses: false, appDir: dir, portBase: 0 },
    ...{ shards: [], regions: [] },
    topology: resolveTopology({ rung: 3, web: { healthPath: '/ready', drainMs: 2000 }, ...over }),
    entry: { address, port: bound.address().port },
    nodes: [
      nodeAt(ownPort, { id: frontId, role: 'front', entry: true }),
      nodeAt(a.port, { id: 'us-east/web-1' }),
      nodeAt(b.port, { id: 'us-east/web-2', state: 'starting' }),
    ],
  }
  // The supervisor makes it, before its first process.
  await mkdir(home.logs)
  await writeMap(home.map, map)
  await makeSecrets(home)
  return { home, map, bound, a, b, fronts }
}

function nodeAt(port: number, over: Pick<MapNode, 'id'> & Partial<MapNode>): MapNode {
  return {
    ...{ role: 'web', region: 'us-east', host: 'us-east/host-1', address, port, pid: null, state: 'ready' },
    ...{ since: new Date().toISOString(), restarts: 0, entry: false },
    ...over,
  }
}

/** The process itself. `args` are for the runtime, and stand before the script. */
export function startFront(
  { home, bound, fronts }: FrontSystem,
  {
    args = [],
    env = {},
    hasMessages = false,
  }: { args?: string[]; env?: NodeJS.ProcessEnv; hasMessages?: boolean } = {},
): ChildProcess {
  const script = fileURLToPath(new URL('../front.ts', import.meta.url))
  const stdio: SpawnOptions['stdio'] = [
    'ignore',
    'ignore',
    'inherit',
    bound.fd(),
    ...(hasMessages ? ['ipc' as const] : []),
  ]
  const own = { TENFOLD_HOME: home.dir, TENFOLD_NODE: frontId, LISTEN_FDS: '1' }
  const child = spawn(process.execPath, [...args, script], { stdio, env: { ...process.env, ...own, ...env } })
  fronts.push(child)
  return child
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
