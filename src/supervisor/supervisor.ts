// One per host: makes reality match the map, and changes the map by plans. It may be killed at any moment: processes
// outlive it, and the next supervisor adopts them and goes on with the plan.

import type { Logger } from 'pino'
import { TenfoldError } from '../base/errors.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import type { Home } from '../map/home.ts'
import type { MapNode, Role, SystemMap } from '../map/map.ts'
import type { Secrets } from '../map/secrets.ts'
import type { Step } from '../plan/step.ts'
import type { Topology } from '../topology/schema.ts'
import { Backups } from './backup/backups.ts'
import { type BrokerStatus, brokerStatusOf } from './broker-status.ts'
import { CacheControl } from './cache.ts'
import { CacheWatch } from './cache-watch.ts'
import { checkCache } from './check-cache.ts'
import { checkFronts } from './check-fronts.ts'
import { checkQueue } from './check-queue.ts'
import { EdgeControl } from './edge.ts'
import { EntrySocket, isTlsEntryWanted } from './entry.ts'
import { EventLog } from './events.ts'
import { Executor } from './executor.ts'
import { Faults } from './faults.ts'
import { Fleet } from './fleet.ts'
import { Locks } from './locks.ts'
import { LogRotation } from './log-rotation.ts'
import { MapKeeper } from './map-keeper.ts'
import { CommandDriver } from './nodes/command-driver.ts'
import type { NodeDriver } from './nodes/driver.ts'
import { NatsDriver } from './nodes/nats-driver.ts'
import { PostgresDriver } from './nodes/postgres-driver.ts'
import { ProcessDriver } from './nodes/process-driver.ts'
import { RedisDriver } from './nodes/redis-driver.ts'
import { QueueControl } from './queue.ts'
import { ReplicationWatch } from './replication/replication-watch.ts'
import { Scaler } from './scaling/scaler.ts'
import { openWebScaling } from './scaling/web-role.ts'
import { openWorkerScaling } from './scaling/worker-role.ts'
import { SessionControl } from './sessions.ts'

export class Supervisor extends Lifecycle {
  readonly home: Home
  readonly keeper: MapKeeper
  readonly events: EventLog
  readonly executor: Executor
  readonly replication: ReplicationWatch
  readonly faults: Faults
  readonly backups: Backups
  readonly edge: EdgeControl
  readonly sessions: SessionControl
  readonly scaler: Scaler
  readonly workerScaler: Scaler
  readonly cache: CacheControl
  readonly queue: QueueControl
  readonly #fleet: Fleet
  readonly #secrets: Secrets
  readonly #postgres: PostgresDriver
  readonly #redis: RedisDriver
  readonly #nats: NatsDriver
  readonly #cacheWatch: CacheWatch
  #drivers: { process: ProcessDriver; command: CommandDriver } | undefined
  #entry: EntrySocket | undefined
  #unsubscribe: (() => void) | undefined
  readonly #rotation: LogRotation
  #boot: Promise<void> = Promise.resolve()
  #stopping = new AbortController()

  constructor(home: Home, map: SystemMap, secrets: Secrets, log: Logger) {
    super()
    this.home = home
    this.#secrets = secrets
    this.events = new EventLog(log)
    this.keeper = new MapKeeper(home, map)
    this.#rotation = new LogRotation(home.logs)
    this.#postgres = new PostgresDriver(home, secrets, () => this.keeper.map)
    this.#redis = new RedisDriver(home, secrets, () => this.keeper.map)
    this.#nats = new NatsDriver(home, secrets, () => this.keeper.map)
    this.#fleet = new Fleet(
      this.keeper,
      this.events,
      (node) => this.#driverOf(node),
      (node) => isMendedByReplication(this.keeper.map, node),
    )
    const system = {
      home,
      secrets,
      keeper: this.keeper,
      fleet: this.#fleet,
      events: this.events,
      locks: new Locks(),
      stopping: () => this.#stopping.signal,
      postgres: this.#postgres,
      redis: this.#redis,
      nats: this.#nats,
    }
    this.executor = new Executor(system, (topology, roles) => this.#check(topology, roles))
    this.replication = new ReplicationWatch(system, this.executor)
    this.#cacheWatch = new CacheWatch(system, this.executor)
    this.faults = new Faults(system)
    this.backups = new Backups(system)
    this.edge = new EdgeControl(system)
    this.sessions = new SessionControl(system)
    this.scaler = new Scaler(system, this.executor, () => openWebScaling(home))
    this.workerScaler = new Scaler(system, this.executor, () => openWorkerScaling(home))
    this.cache = new CacheControl(system)
    this.queue = new QueueControl(system)
  }

  protected async open(): Promise<void> {
    const entry = EntrySocket.open(this.keeper.map)
    this.#entry = entry
    this.#drivers = {
      process: new ProcessDriver(this.home, entry, () => this.keeper.map),
      command: new CommandDriver(this.home, this.#secrets, () => this.keeper.map),
    }
    this.#unsubscribe = this.keeper.onChange((map) => {
      if (!isTlsEntryWanted(map)) entry.closeTls()
    })
    this.#stopping = new AbortController()
    await this.#rotation.start()
    await this.executor.load()
    const inStep = this.executor.nodesInStep()
    await this.#fleet.adopt(inStep)
    this.#boot = this.#bootUp(inStep)
  }

  /** Databases first, and whoever mends them: a web server starts only when there is a primary. */
  async #bootUp(inStep: ReadonlySet<string>): Promise<void> {
    await this.#fleet.startAll(inStep, ['postgres'])
    this.executor.resume()
    await this.#fleet.start()
    await this.replication.start()
    await this.#fleet.startAll(inStep)
    await this.#cacheWatch.start()
    await this.scaler.start()
    await this.workerScaler.start()
    await this.backups.start()
  }

  /** Resolves when whatever was down has been started once, and an unfinished plan goes on. */
  booted(): Promise<void> {
    return this.#boot
  }

  /** Lets go: every process goes on without a supervisor. */
  protected async close(): Promise<void> {
    this.#stopping.abort()
    await this.#boot
    this.faults.stop()
    await this.scaler.stop()
    await this.workerScaler.stop()
    await this.backups.stop()
    await this.#cacheWatch.stop()
    await this.replication.stop()
    await this.executor.stop()
    await this.#fleet.stop()
    await this.#rotation.stop()
    await this.edge.close()
    this.#unsubscribe?.()
    this.#entry?.close()
  }

  /** Undefined while all jobs lie in the database. */
  brokers(): BrokerStatus | undefined {
    return brokerStatusOf(this.keeper.map, (id) => this.#nats.versionOf(id))
  }

  /** Stops every node in order; data and map stay for the next start. */
  async stopAll(): Promise<string[]> {
    this.#stopping.abort()
    await this.#boot
    this.faults.stop()
    await this.scaler.stop()
    await this.workerScaler.stop()
    await this.#cacheWatch.stop()
    await this.replication.stop()
    await this.executor.stop()
    await this.#fleet.stop()
    // The backups last: a primary that stops in order gives the end of its log to the archive.
    return this.#fleet.stopAll().finally(() => this.backups.stop())
  }

  /**
   * The steps that make a replica primary; without a name the one that is least behind.
   * @throws not-found, conflict when it cannot be now.
   */
  planSwitchover(id: string, to?: string): Step[] {
    const shard = this.keeper.map.shards.find((candidate) => candidate.id === id)
    if (!shard)
      throw new TenfoldError(
        'not-found',
        `there is no shard ${id}; there are ${this.keeper.map.shards.map((s) => s.id)}`,
      )
    const ready = shard.replicas.filter((replica) => this.keeper.node(replica)?.state === 'ready')
    const lagOf = (node: string) => this.replication.lagOf(id, node)?.lagBytes ?? Number.POSITIVE_INFINITY
    const chosen = to ?? ready.toSorted((a, b) => lagOf(a) - lagOf(b))[0]
    if (chosen === shard.primary) throw new TenfoldError('conflict', `${chosen} is the primary of ${id} already`)
    if (chosen === undefined || !ready.includes(chosen))
      throw new TenfoldError(
        'conflict',
        `${chosen ?? 'no replica'} can take over ${id}; its replicas that are ready: ${ready.join(', ') || 'none'}`,
      )
    return [{ kind: 'switch-primary', shard: id, from: shard.primary, to: chosen }]
  }

  /** `roles`: what new nodes are started of. */
  async #check(topology: Topology, roles: ReadonlySet<Role>): Promise<void> {
    if (roles.has('redis')) await checkCache()
    if (roles.has('nats')) await checkQueue()
    if (!roles.has('front')) return
    await checkFronts(topology, { home: this.home, appDir: this.keeper.map.appDir })
    if (topology.front.tls.enabled) this.#entry?.checkTls()
  }

  #driverOf(node: MapNode): NodeDriver {
    if (node.role === 'postgres') return this.#postgres
    if (node.role === 'redis') return this.#redis
    if (node.role === 'nats') return this.#nats
    if (!this.#drivers) throw new Error('drivers are made by start()')
    const isCommand = node.role === 'web' && this.keeper.map.topology.web.command !== undefined
    return isCommand ? this.#drivers.command : this.#drivers.process
  }
}

/** A primary with a replica that could take its place, and a replica that is to be cloned anew, are not simply started again. */
function isMendedByReplication({ shards, nodes }: SystemMap, node: MapNode): boolean {
  if (node.role !== 'postgres') return false
  if (node.diverged) return true
  const shard = shards.find(({ primary }) => primary === node.id)
  // Nobody promised that a replica has everything: the primary's own disk does.
  if (shard?.durability === 'single') return false
  return nodes.some(({ id, state }) => state === 'ready' && shard?.replicas.includes(id))
}
