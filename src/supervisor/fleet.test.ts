// The watcher of nodes, over real processes: what dies or cannot start comes back, and what is being stopped stays down.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pino } from 'pino'
import { TenfoldError } from '../base/errors.ts'
import { waitUntil } from '../base/limits.ts'
import { homeOf } from '../map/home.ts'
import type { MapNode, SystemMap } from '../map/map.ts'
import { isProcessAlive } from '../programs/process.ts'
import { resolveTopology } from '../topology/topology.ts'
import { EventLog } from './events.ts'
import { Fleet } from './fleet.ts'
import { MapKeeper } from './map-keeper.ts'
import type { NodeDriver } from './nodes/driver.ts'
import { signal, waitForExit } from './pid.ts'

const dir = await mkdtemp(join(tmpdir(), 'tenfold-fleet-'))
after(() => rm(dir, { recursive: true }))
const id = 'us-east/postgres-1' // a role whose door nobody knocks at

/** Processes that only sleep; the first `failures` starts fail. */
class SleepDriver implements NodeDriver {
  failures = 0
  starts = 0

  async start(): Promise<number> {
    this.starts++
    if (this.failures-- > 0) throw new TenfoldError('port-taken', 'the port is taken')
    const child = spawn('sleep', ['60'], { stdio: 'ignore' })
    return child.pid as number
  }

  async waitReady(): Promise<void> {}

  isAlive(_node: MapNode, pid: number): boolean {
    return isProcessAlive(pid)
  }

  async isHealthy(): Promise<boolean> {
    return true
  }

  async stop(_node: MapNode, pid: number): Promise<void> {
    signal(pid, 'SIGTERM')
    await waitForExit(pid, 5000)
  }
}

async function withFleet(driver: SleepDriver, work: (fleet: Fleet, keeper: MapKeeper) => Promise<void>): Promise<void> {
  const keeper = new MapKeeper(homeOf(dir), mapWithOneNode())
  const fleet = new Fleet(keeper, new EventLog(pino({ level: 'silent' })), () => driver)
  await fleet.start()
  try {
    await work(fleet, keeper)
  } finally {
    await fleet.stop()
    await fleet.stopAll()
  }
}

test('a node that dies is started again, and its restarts are counted', () =>
  withFleet(new SleepDriver(), async (_fleet, keeper) => {
    const first = await untilReady(keeper)
    process.kill(Number(first.pid), 'SIGKILL')
    const second = await untilReady(keeper, (node) => node.pid !== first.pid)
    assert.equal(second.restarts, 1)
  }))

test('a node that cannot be started is tried again until it can', async () => {
  const driver = new SleepDriver()
  driver.failures = 2
  await withFleet(driver, async (_fleet, keeper) => {
    await untilReady(keeper)
    assert.equal(driver.starts, 3)
  })
})

test('starts and stops of one node take turns, and what was stopped is left alone', () =>
  withFleet(new SleepDriver(), async (fleet, keeper) => {
    await untilReady(keeper)
    const { pid } = keeper.node(id) as MapNode
    await Promise.all([fleet.startNode(id), fleet.startNode(id)])
    assert.equal(keeper.node(id)?.pid, pid, 'a node that runs is not started twice')
    await fleet.stopNode(id)
    assert.equal(keeper.node(id)?.state, 'draining')
    assert.ok(!isProcessAlive(Number(pid)))
    await new Promise((resolve) => setTimeout(resolve, 300)) // three looks of the watcher
    assert.equal(keeper.node(id)?.pid, null)
  }))

test('what a node without a process left serving is stopped with it', async () => {
  class LeavingDriver extends SleepDriver {
    readonly left: string[] = []

    async stopLeft(node: MapNode): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, 300)) // three looks of the watcher
      this.left.push(node.id)
    }
  }
  const driver = new LeavingDriver()
  driver.failures = 1
  await withFleet(driver, async (fleet, keeper) => {
    await assert.rejects(fleet.startNode(id), { code: 'port-taken' })
    await fleet.stopNode(id)
    assert.deepEqual(driver.left, [id])
    assert.deepEqual([keeper.node(id)?.state, keeper.node(id)?.pid], ['draining', null])
  })
})

async function untilReady(keeper: MapKeeper, isSo: (node: MapNode) => boolean = () => true): Promise<MapNode> {
  const look = () => {
    const node = keeper.node(id)
    return node?.state === 'ready' && isSo(node) && node
  }
  return waitUntil(look, { what: `${id} ready`, timeoutMs: 10_000 })
}

function mapWithOneNode(): SystemMap {
  return {
    ...{ version: 1, system: 'fleet', rung: 1, topology: resolveTopology({}), appDir: dir, portBase: 8000 },
    ...{ entry: { address: '127.0.0.1', port: 0 }, hasHostAddresses: false, shards: [], regions: [] },
    nodes: [
      {
        ...{ id, role: 'postgres', region: 'us-east', host: 'us-east/host-1', address: '127.0.0.1', port: 1 },
        ...{ pid: null, state: 'down', since: '', restarts: 0, entry: false },
      },
    ],
  }
}
