// All nodes of this host: starts them, watches them, starts them again when they die, stops them in order.
//
// States: starting -> ready -> draining -> gone from the map. From starting or ready to down when the process dies; a node
// that is down is started again, after a backoff that grows while it keeps dying. Starting and draining belong to
// whoever brought the node there (a step, a stop): the watcher keeps its hands off. A node that others mend (a primary
// with replicas) is only noted to be dead.

import { type Backoff, backoffMs } from '../base/backoff.ts'
import { systemClock } from '../base/clock.ts'
import { describeError } from '../base/errors.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import { systemRandom } from '../base/random.ts'
import type { MapNode, Role } from '../map/map.ts'
import { isProcessAlive } from '../programs/process.ts'
import type { EventLog } from './events.ts'
import type { MapKeeper } from './map-keeper.ts'
import type { NodeDriver } from './nodes/driver.ts'
import { signal } from './pid.ts'

const watchIntervalMs = 100
const beatIntervalMs = 1000
/** A node that is there but may not be used yet is asked more often. */
const startingBeatIntervalMs = 200
const beatTimeoutsMax = 5
const readyTimeoutMs = 60_000
/** The first new start after a death is at once; a node that stays up so long is forgiven its deaths. */
const restartBackoff: Backoff = { baseMs: 250, capMs: 3000 }
const forgivenAfterMs = 10_000

const startOrder: readonly Role[][] = [['postgres', 'redis', 'nats'], ['web', 'worker'], ['front']]

/** What the supervisor keeps about a node beyond the map. */
interface Watched {
  /** Starts, stops and steps that work on the node, or wait to; meanwhile the watcher leaves it alone. */
  workers: number
  /** The last one in line; never rejects. */
  lastWork: Promise<void>
  deaths: number
  startedAtMs: number
  restartAtMs: number
  missedBeats: number
  nextBeatMs: number
  /** Why its last start failed. */
  startFailure: unknown
}

export class Fleet extends Lifecycle {
  readonly #keeper: MapKeeper
  readonly #events: EventLog
  readonly #driverOf: (node: MapNode) => NodeDriver
  readonly #isMendedByOthers: (node: MapNode) => boolean
  readonly #watched = new Map<string, Watched>()
  #timer: NodeJS.Timeout | undefined

  constructor(
    keeper: MapKeeper,
    events: EventLog,
    driverOf: (node: MapNode) => NodeDriver,
    isMendedByOthers: (node: MapNode) => boolean = () => false,
  ) {
    super()
    this.#isMendedByOthers = isMendedByOthers
    this.#keeper = keeper
    this.#events = events
    this.#driverOf = driverOf
  }

  protected async open(): Promise<void> {
    this.#timer = setInterval(() => this.#watch(), watchIntervalMs)
  }

  protected async close(): Promise<void> {
    clearInterval(this.#timer)
  }

  /** Takes over what runs already and marks the rest down, but for the nodes that a step is in the middle of. */
  async adopt(inStep: ReadonlySet<string>): Promise<void> {
    for (const node of this.#keeper.map.nodes) {
      const runs = node.pid !== null && this.#driverOf(node).isAlive(node, node.pid)
      // Told to stop by an earlier supervisor: let it end, then it is started again, unless a step goes on with it.
      if (runs && node.state === 'draining' && !inStep.has(node.id)) {
        await this.#driverOf(node).stop(node, node.pid as number, { isWholeSystem: true })
        await this.#keeper.setState(node.id, 'down', { pid: null })
      } else if (runs) this.#events.emit('info', `took over ${node.id} (pid ${node.pid})`, { node: node.id })
      else {
        const isLeftToStep = inStep.has(node.id) && node.state !== 'ready'
        await this.#keeper.setState(node.id, isLeftToStep ? node.state : 'down', { pid: null })
      }
    }
  }

  /**
   * Starts what is down, those that answer before those that ask, but for the nodes that a step goes on with or that
   * others mend. What fails is left to the watcher.
   */
  async startAll(inStep: ReadonlySet<string> = new Set(), only?: readonly Role[]): Promise<void> {
    for (const roles of startOrder) {
      const down = this.#keeper.map.nodes.filter(
        (node) =>
          roles.includes(node.role) &&
          (only?.includes(node.role) ?? true) &&
          node.state === 'down' &&
          !inStep.has(node.id) &&
          !this.#isMendedByOthers(node),
      )
      await Promise.all(
        down.map((node) =>
          this.startNode(node.id).catch((error) =>
            this.#events.emit('error', `${node.id} did not start: ${describeError(error)}`, { node: node.id }),
          ),
        ),
      )
    }
  }

  /** Stops everything, those that ask before those that answer; the nodes stay in the map, down. */
  async stopAll(): Promise<string[]> {
    const stopped: string[] = []
    for (const roles of startOrder.toReversed()) {
      const nodes = this.#keeper.map.nodes.filter((node) => roles.includes(node.role))
      await Promise.all(nodes.map((node) => this.stopNode(node.id, { isWholeSystem: true })))
      stopped.push(...nodes.map((node) => node.id))
    }
    for (const id of stopped) await this.#keeper.setState(id, 'down')
    return stopped
  }

  /** Starts a node of the map and resolves when it is ready; at once when it already is. */
  async startNode(id: string): Promise<void> {
    await this.exclusively(id, async () => {
      const node = this.#node(id)
      const isUp = node.state === 'ready' && node.pid !== null && this.#driverOf(node).isAlive(node, node.pid)
      if (!isUp) await this.#start(id)
    })
  }

  /** Drains and stops a node; it stays in the map, draining, without a process. */
  async stopNode(id: string, { isWholeSystem = false } = {}): Promise<void> {
    await this.exclusively(id, async () => {
      const node = this.#node(id)
      const driver = this.#driverOf(node)
      if (node.pid === null) {
        if (!driver.stopLeft) return
        // The watcher would start what is down.
        await this.#keeper.setState(id, 'draining')
        return driver.stopLeft(node)
      }
      await this.#keeper.changeEverywhere((draft) => {
        const drained = draft.nodes.find((candidate) => candidate.id === id)
        if (drained) Object.assign(drained, { state: 'draining', since: new Date().toISOString() })
      })
      await driver.stop(node, node.pid, { isWholeSystem })
      await this.#keeper.setState(id, 'draining', { pid: null })
    })
  }

  /** Takes a node out of the map; its process must be gone. */
  async forgetNode(id: string): Promise<void> {
    await this.#keeper.changeEverywhere((draft) => {
      draft.nodes = draft.nodes.filter((node) => node.id !== id)
    })
    this.forget(id)
  }

  /** Forgets what an earlier node of that name did. */
  forget(id: string): void {
    this.#watched.delete(id)
  }

  /** Why the last start of a node failed; undefined when it did not. */
  startFailureOf(id: string): unknown {
    return this.#watched.get(id)?.startFailure
  }

  /** While `work` runs, the watcher does not touch the node; it may be stopped and started by hand. */
  async exclusively<T>(id: string, work: () => Promise<T>): Promise<T> {
    const watched = this.#watchedOf(id)
    const before = watched.lastWork
    const { promise, resolve } = Promise.withResolvers<void>()
    watched.lastWork = promise
    watched.workers++
    await before
    try {
      return await work()
    } finally {
      watched.workers--
      resolve()
    }
  }

  async #start(id: string): Promise<void> {
    const node = this.#node(id)
    const driver = this.#driverOf(node)
    const watched = this.#watchedOf(id)
    await this.#keeper.setState(id, 'starting', { pid: null })
    let pid: number | undefined
    try {
      const facts = driver.factsAtStart?.(node)
      pid = await driver.start(node)
      watched.startedAtMs = systemClock.monotonic()
      watched.missedBeats = 0
      await this.#keeper.setState(id, 'starting', { ...facts, pid })
      await driver.waitReady(node, pid, readyTimeoutMs)
    } catch (error) {
      if (pid !== undefined && isProcessAlive(pid)) signal(pid, 'SIGKILL')
      await this.#keeper.setState(id, 'down', { pid: null }).catch(() => {})
      watched.startFailure = error
      throw error
    }
    watched.startFailure = undefined
    const isUsable = (await driver.isUsable?.(node)) ?? true
    await this.#keeper.setState(id, isUsable ? 'ready' : 'starting')
    this.#events.emit('info', `${id} is ${isUsable ? 'ready' : 'up'} (pid ${pid}, ${node.address}:${node.port})`, {
      node: id,
    })
  }

  #watch(): void {
    const nowMs = systemClock.monotonic()
    for (const node of this.#keeper.map.nodes) {
      const watched = this.#watchedOf(node.id)
      if (watched.workers > 0) continue
      if (node.pid === null) {
        if (node.state === 'down' && nowMs >= watched.restartAtMs && !this.#isMendedByOthers(node))
          void this.exclusively(node.id, () => this.#restart(node, watched))
      } else if (node.state === 'draining') continue
      else if (!this.#driverOf(node).isAlive(node, node.pid))
        void this.exclusively(node.id, () => this.#noteDeath(node, watched))
      else if (nowMs >= watched.nextBeatMs && (node.state === 'starting' || !this.#isMendedByOthers(node)))
        void this.#beat(node, node.pid, watched)
    }
  }

  async #noteDeath(node: MapNode, watched: Watched): Promise<void> {
    try {
      // First, since it may fail, on a full disk for example: the death is then noted by a later look.
      await this.#keeper.setState(node.id, 'down', { pid: null, restarts: node.restarts + 1 })
      const nowMs = systemClock.monotonic()
      if (nowMs - watched.startedAtMs >= forgivenAfterMs) watched.deaths = 0
      const waitMs = watched.deaths === 0 ? 0 : backoffMs(watched.deaths, restartBackoff, systemRandom)
      watched.deaths++
      watched.restartAtMs = nowMs + waitMs
      const next = this.#isMendedByOthers(node) ? 'a replica shall take its place' : 'starting it again'
      this.#events.emit('warn', `${node.id} died (pid ${node.pid}); ${next}`, { node: node.id })
    } catch (error) {
      this.#events.emit('error', `the death of ${node.id} could not be noted: ${describeError(error)}`)
    }
    if (this.#isMendedByOthers(node)) return
    if (this.isRunning && watched.restartAtMs <= systemClock.monotonic()) await this.#restart(node, watched)
  }

  async #restart(node: MapNode, watched: Watched): Promise<void> {
    try {
      await this.#start(node.id)
    } catch (error) {
      watched.deaths++
      watched.restartAtMs = systemClock.monotonic() + backoffMs(watched.deaths, restartBackoff, systemRandom)
      this.#events.emit('error', `${node.id} did not come back: ${describeError(error)}`, { node: node.id })
    }
  }

  /** A process that is there but answers nothing for long enough is as good as dead. */
  async #beat(node: MapNode, pid: number, watched: Watched): Promise<void> {
    watched.nextBeatMs = Number.POSITIVE_INFINITY
    try {
      const driver = this.#driverOf(node)
      if (!(await driver.isHealthy(node))) throw new Error('not healthy')
      watched.missedBeats = 0
      if (node.state === 'starting' && ((await driver.isUsable?.(node)) ?? true)) await this.#becomeReady(node.id, pid)
    } catch (error) {
      watched.missedBeats++
      const isOurs = watched.workers === 0 && !this.#isMendedByOthers(node)
      if (watched.missedBeats >= beatTimeoutsMax && this.#keeper.node(node.id)?.pid === pid && isOurs) {
        this.#events.emit('error', `${node.id} answers nothing any more (${describeError(error)}); killing it`, {
          node: node.id,
        })
        signal(pid, 'SIGKILL')
      }
    } finally {
      const isStarting = this.#keeper.node(node.id)?.state === 'starting'
      watched.nextBeatMs = systemClock.monotonic() + (isStarting ? startingBeatIntervalMs : beatIntervalMs)
    }
  }

  /** Unless it was stopped, or killed, while it was being asked. */
  async #becomeReady(id: string, pid: number): Promise<void> {
    const node = this.#keeper.node(id)
    if (node?.pid === pid && node.state === 'starting') await this.#keeper.setState(id, 'ready')
  }

  #watchedOf(id: string): Watched {
    let watched = this.#watched.get(id)
    if (!watched) {
      watched = {
        workers: 0,
        lastWork: Promise.resolve(),
        deaths: 0,
        startedAtMs: 0,
        restartAtMs: 0,
        missedBeats: 0,
        nextBeatMs: 0,
        startFailure: undefined,
      }
      this.#watched.set(id, watched)
    }
    return watched
  }

  #node(id: string): MapNode {
    const node = this.#keeper.node(id)
    if (!node) throw new Error(`the map has no node ${id}`)
    return node
  }
}
