// The scaler with the executor, the fleet and the map as they are, over processes that only have a door and say how busy they
// are: as busy as their share of the load makes them.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { type Home, homeOf } from '../../map/home.ts'
import { type MapNode, nodesOf, type SystemMap } from '../../map/map.ts'
import { readMap } from '../../map/store.ts'
import { DoorServer } from '../../processes/door/server.ts'
import { resolveTopology } from '../../topology/topology.ts'
import { webSettingsOf } from '../../topology/web-settings.ts'
import { EventLog } from '../events.ts'
import { Executor } from '../executor.ts'
import { Fleet } from '../fleet.ts'
import { MapKeeper } from '../map-keeper.ts'
import type { NodeDriver } from '../nodes/driver.ts'
import type { System } from '../system.ts'
import { Scaler } from './scaler.ts'
import { openWebScaling } from './web-role.ts'

const timeoutMs = 20_000

test('the web tier grows with its load to its bound, in the map first, and comes back after', async (t) => {
  const tier = await Tier.start(t)
  tier.load = 0.5
  await tier.until('a measure', () => tier.scaler.status()?.utilisation)
  tier.load = 1.7
  await tier.until('three processes', () => tier.ready === 3)
  assert.equal((await readMap(tier.home.map)).scale?.web, 3)
  tier.load = 9
  await tier.until('five processes', () => tier.ready === 5)
  assert.deepEqual([tier.scaler.status()?.wanted, tier.map.scale], [5, { web: 5 }])
  tier.load = 0
  await tier.until('one process', () => tier.webs.length === 1)
  assert.deepEqual(tier.map.scale, { web: 1 })
  await tier.executor.accept(withWeb(tier.map, { count: 2, max: 4 }))
  await tier.until('two processes', () => tier.executor.progress === null && tier.ready === 2)
  assert.deepEqual(tier.map.scale, { web: 2 })
})

test('a new supervisor goes on with the number that is in the map, and takes nothing away at once', async (t) => {
  const tier = await Tier.start(t, { stabiliseMs: 3_600_000, number: 4 })
  await tier.until('four processes', () => tier.ready === 4)
  await tier.until('a measure', () => tier.scaler.status()?.utilisation === 0)
  await tier.looks(10)
  assert.equal(tier.ready, 4)
})

test('a supervisor that dies while the tier grows leaves word of how far it came, and the next one goes on', async (t) => {
  const tier = await Tier.start(t)
  tier.startMs = 500
  tier.load = 9
  await tier.until('a growth by two', () => tier.map.scale?.web === 4)
  await tier.scaler.stop()
  await tier.executor.stop()
  assert.ok(tier.webs.length < 4)
  tier.startMs = 0
  const next = tier.succeed()
  await next.load()
  next.resume()
  assert.ok(next.progress)
  await next.idle()
  assert.equal(tier.ready, 4)
})

test('a load that comes back while processes drain is not kept waiting for all of them', async (t) => {
  const tier = await Tier.start(t, { number: 5 })
  tier.stopMs = 2000
  await tier.until('the first to drain', () => tier.webs.some(({ state }) => state === 'draining'))
  tier.load = 9
  await tier.until('five processes', () => tier.map.scale?.web === 5 && tier.ready === 5)
  assert.equal(tier.stops, 1)
})

test('what a person asks for does not wait until the load has all it asks for', async (t) => {
  const tier = await Tier.start(t)
  tier.startMs = 500
  tier.load = 9
  await tier.until('the second start of a growth', () => tier.webs.filter(({ state }) => state !== 'ready').length > 0)
  await tier.executor.accept(withWeb(tier.map, { count: 1, max: 1 }))
  await tier.until('one process', () => tier.executor.progress === null && tier.webs.length === 1)
  assert.equal(tier.map.scale, undefined)
  assert.deepEqual([tier.executor.lastFailure, tier.scaler.status()], [null, null])
})

test('processes that do not start are tried again; it is told, and is no failure of a climb', async (t) => {
  const tier = await Tier.start(t)
  tier.failures = 1
  tier.load = 1.7
  await tier.until('the trouble', () => tier.scaler.status()?.trouble?.includes('the port is taken'))
  assert.equal(tier.executor.lastFailure, null)
  await tier.until('three processes', () => tier.ready === 3)
  await tier.until('no trouble', () => tier.scaler.status()?.trouble === null)
  assert.equal(tier.failures, 0)
})

test('that a role did not grow is known still when another one has grown since', async (t) => {
  const tier = await Tier.start(t)
  const { executor, keeper } = tier
  await tier.scaler.stop()
  await keeper.change((draft) => {
    draft.topology.worker.max = 2
  })
  tier.failures = 1
  executor.scale('web', 2)
  await executor.idle()
  assert.match(executor.scalingFailure('web') ?? '', /the port is taken/)
  assert.equal(executor.scale('worker', 1), true)
  await executor.idle()
  assert.equal(executor.scalingFailure('worker'), null)
  assert.match(executor.scalingFailure('web') ?? '', /the port is taken/)
  executor.scale('web', 2)
  await executor.idle()
  assert.equal(executor.scalingFailure('web'), null)
})

test('beside a climb that was given up on its way it does nothing, and says so', async (t) => {
  const tier = await Tier.start(t)
  tier.failures = 1
  await tier.executor.accept(withWeb(tier.map, { count: 2 }))
  await tier.until('the failure', () => tier.executor.lastFailure)
  tier.load = 9
  await tier.until('the word of it', () => tier.scaler.status()?.trouble?.includes('given up on its way'))
  await tier.looks(5)
  assert.equal(tier.webs.length, 1)
  await tier.executor.accept(tier.map.topology)
  await tier.until('five processes', () => tier.ready === 5)
})

class Tier implements NodeDriver {
  readonly home: Home
  readonly keeper: MapKeeper
  readonly executor: Executor
  readonly scaler: Scaler
  /** In processes that are full. */
  load = 0
  failures = 0
  startMs = 0
  stopMs = 0
  stops = 0
  #looks = 0
  readonly #fleet: Fleet
  readonly #system: System
  readonly #doors = new Map<string, DoorServer>()

  private constructor(dir: string, map: SystemMap) {
    this.home = homeOf(dir)
    this.keeper = new MapKeeper(this.home, map)
    const events = new EventLog(pino({ level: 'silent' }))
    this.#fleet = new Fleet(this.keeper, events, () => this)
    const stopping = () => new AbortController().signal
    this.#system = { home: this.home, keeper: this.keeper, fleet: this.#fleet, events, stopping } as unknown as System
    this.executor = this.succeed()
    this.scaler = new Scaler(this.#system, this.executor, () => openWebScaling(this.home), { lookIntervalMs: 50 })
  }

  static async start(t: TestContext, { stabiliseMs = 1000, number = 1 } = {}): Promise<Tier> {
    const dir = await mkdtemp(join(tmpdir(), 'tenfold-scaler-'))
    const tier = new Tier(dir, firstMap(stabiliseMs, number))
    await tier.keeper.change(() => {})
    await tier.#fleet.startAll()
    await tier.#fleet.start()
    await tier.scaler.start()
    t.after(async () => {
      await tier.scaler.stop()
      await tier.executor.stop()
      tier.stopMs = 0
      await tier.#fleet.stop()
      await tier.#fleet.stopAll()
      await rm(dir, { recursive: true, force: true })
    })
    return tier
  }

  get map(): SystemMap {
    return this.keeper.map
  }

  get webs(): MapNode[] {
    return nodesOf(this.map, 'web')
  }

  get ready(): number {
    return this.webs.filter(({ state }) => state === 'ready').length
  }

  until(what: string, isSo: () => unknown): Promise<unknown> {
    return waitUntil(() => Boolean(isSo()), { what, timeoutMs, intervalMs: 5 })
  }

  /** What carries plans out in the next supervisor. */
  succeed(): Executor {
    return new Executor(this.#system)
  }

  /** So many times the first process has been asked, by the scaler or the watcher. */
  async looks(count: number): Promise<void> {
    const from = this.#looks
    await this.until(`${count} looks`, () => this.#looks >= from + count)
  }

  async start({ id }: MapNode): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, this.startMs))
    if (this.failures > 0) {
      this.failures--
      throw new TenfoldError('port-taken', 'the port is taken')
    }
    const use = { activeMs: 0, idleMs: 0, cpuMs: 0, cores: 1 }
    let atMs = performance.now()
    const door = new DoorServer(this.home, id, {
      state: () => {
        if (id.endsWith('-1')) this.#looks++
        const passedMs = performance.now() - atMs
        atMs += passedMs
        const share = Math.min(1, this.load / Math.max(1, this.ready))
        use.activeMs += passedMs * share
        use.idleMs += passedMs * (1 - share)
        return { node: id, mapVersion: this.map.version, isReady: true, hasEntry: false, inFlight: 0, use: { ...use } }
      },
      applyMap: async () => {},
    })
    await door.start()
    this.#doors.set(id, door)
    return process.pid
  }

  async waitReady(): Promise<void> {}

  isAlive({ id, role }: MapNode): boolean {
    return this.#doors.has(id) || role === 'postgres'
  }

  async isHealthy(): Promise<boolean> {
    return true
  }

  async stop({ id, role }: MapNode): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.stopMs))
    if (role === 'web') this.stops++
    await this.#doors.get(id)?.stop()
    this.#doors.delete(id)
  }
}

function withWeb({ topology }: SystemMap, web: { count: number; max?: number }): SystemMap['topology'] {
  return { ...topology, web: { ...topology.web, ...web } }
}

function firstMap(stabiliseMs: number, number: number): SystemMap {
  const topology = resolveTopology({ rung: 3, database: { placement: 'beside' }, web: { count: 1, max: 5 } })
  Object.assign(topology.web.scale, { windowMs: 200, stabiliseMs, coolDownMs: 200 })
  topology.front.count = 0 // nobody asks for pages here
  const settings = webSettingsOf(topology, [])
  const database: MapNode = {
    ...{ id: 'us-east/postgres-1', role: 'postgres', region: 'us-east', host: 'us-east/host-1', address: '127.0.0.1' },
    ...{ port: 8900, pid: process.pid, state: 'ready', since: '', restarts: 0, entry: false },
    ...{ shard: 's1', database: 'primary' },
  }
  const webs = Array.from({ length: number }, (_, index): MapNode => {
    const n = index + 1
    return {
      ...{ id: `us-east/web-${n}`, role: 'web', region: 'us-east', host: `us-east/host-${n}`, address: '127.0.0.1' },
      ...{ port: 8100 + n, pid: null, state: 'down', since: '', restarts: 0, entry: true, settings },
    }
  })
  return {
    ...{ version: 1, system: 'scaler', rung: 3, topology, appDir: '/app', portBase: 8000, hasHostAddresses: false },
    ...{ entry: { address: '127.0.0.1', port: 8080 }, regions: [{ id: 'us-east', healthy: true, weight: 1 }] },
    ...(number > 1 && { scale: { web: number } }),
    nodes: [database, ...webs],
    shards: [
      {
        ...{ id: 's1', slots: [0], primary: database.id, replicas: [], timeline: 1, timelineStart: '0/0' },
        ...{ durability: 'single', quorums: [] },
      },
    ],
  }
}
