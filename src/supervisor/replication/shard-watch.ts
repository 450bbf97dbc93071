// Keeps one shard whole: replaces a primary that is gone, replicas that do not come back, and keeps the quorum to those
// that stream. It decides; the deciding is written down as steps before anything is done (executor.ts).

import { systemClock } from '../../base/clock.ts'
import { describeError, isTenfoldError } from '../../base/errors.ts'
import { type MapNode, type MapShard, nodeOf } from '../../map/map.ts'
import type { Step } from '../../plan/step.ts'
import { lowerFence } from '../../programs/postgres/fence.ts'
import { killServer } from '../../programs/postgres/processes.ts'
import type { Mender } from '../executor.ts'
import { dataDirOf } from '../nodes/postgres-driver.ts'
import { slotNameOf } from '../replication-slot.ts'
import { dismissCandidates } from '../steps/promotion.ts'
import type { System } from '../system.ts'
import { elect } from './election.ts'
import { pointAtPrimary } from './follow.ts'
import { PrimaryWatch } from './primary-watch.ts'
import { keepSalvageSlot } from './salvage-slot.ts'
import { setQuorum } from './set-quorum.ts'
import { shardOf } from './shards.ts'
import { askStandby, askStandbys } from './standbys.ts'

/** How long it looks for a replica that can take the primary's place before the primary itself is started again. */
const electionMs = 2000
/** A replica that does not stream for so long, while its primary is well, is cloned anew. */
const replaceAfterMs = 5000
/** Before that it is told once more whom to follow. */
const pointAgainMs = 1000
/** One that was started and still reads its own log gets longer, and so does one that keeps dying. */
const replaceReadingAfterMs = 60_000
/** A replica that is no further behind may acknowledge: its word then costs commits no wait. */
const memberLagBytes = 1024 * 1024
const housekeepingMs = 5000
/** Between two attempts to mend the same thing. */
const retryMs = { shard: 500, node: 5000, start: 1000, programs: 10_000, noRoom: 60_000 }

/** Of a replica that does not stream. */
interface Silence {
  pid: number | null
  firstMs: number
  /** Anew with each process, and when that has read its own log. */
  sinceMs: number
  isReading: boolean
}

export class ShardWatch {
  readonly #system: System
  readonly #executor: Mender
  readonly #id: string
  readonly #primary: PrimaryWatch
  #goneSinceMs: number | undefined
  #isSlow = false
  #lastWhy = ''
  readonly #silent = new Map<string, Silence>()
  readonly #retryAtMs = new Map<string, number>()
  /** Bytes, when the primary last told. */
  readonly #lastLag = new Map<string, number>()
  #nextHousekeepingMs = 0
  #chores: Promise<void> | undefined

  constructor(system: System, executor: Mender, id: string) {
    this.#system = system
    this.#executor = executor
    this.#id = id
    this.#primary = new PrimaryWatch(system, id)
  }

  /** One look, and what follows from it. Never throws; not to be called twice at once. */
  async look(): Promise<void> {
    const { keeper, locks, events } = this.#system
    if (locks.isHeld(this.#id) || this.#executor.isRepairing(this.#id)) return this.#forgetPrimary()
    const shard = shardOf(keeper.map.shards, this.#id)
    const primary = keeper.node(shard.primary)
    // Without replicas there is nothing to decide, and in a stop nothing to mend.
    if (!primary || shard.replicas.length === 0 || primary.state === 'draining' || primary.state === 'starting')
      return this.#forgetPrimary()
    try {
      const state = await this.#primary.look(primary)
      if (state.is === 'gone') {
        // With `single` nobody promised that a replica has everything: the fleet starts the primary again.
        if (shard.durability !== 'single') await this.#replacePrimary(shard, primary, state.why)
        return
      }
      this.#goneSinceMs = undefined
      this.#tellSlow(primary, state.is === 'slow')
      if (state.is === 'well') await this.#keepReplicas(shard)
    } catch (error) {
      events.emit('error', `the watch of ${this.#id} stumbled: ${describeError(error)}`)
    }
  }

  /** Of a replica, as the primary last said. */
  lagOf(node: string): { lagBytes: number; lagMs: number } | undefined {
    const found = this.#primary.replicas?.lag.find(({ name }) => name === slotNameOf(node))
    return found && { lagBytes: found.lagBytes, lagMs: found.lagMs }
  }

  async close(): Promise<void> {
    await this.#chores
    await this.#primary.forget()
  }

  async #forgetPrimary(): Promise<void> {
    this.#goneSinceMs = undefined
    this.#silent.clear()
    await this.#primary.forget()
  }

  async #replacePrimary(shard: MapShard, primary: MapNode, why: string): Promise<void> {
    const { events } = this.#system
    const nowMs = systemClock.monotonic()
    if (this.#goneSinceMs === undefined)
      events.emit('error', `the primary ${primary.id} is gone: ${why}`, { node: primary.id })
    this.#goneSinceMs ??= nowMs
    const isDead = primary.pid === null || !this.#system.postgres.isAlive(primary, primary.pid)
    // The children of a postmaster that was killed could still acknowledge something.
    if (isDead) await killServer(dataDirOf(primary))
    const standbys = await askStandbys(this.#system, shard)
    const election = elect(shard, standbys)
    const isPatient = nowMs - this.#goneSinceMs < electionMs
    if (election.to !== undefined && !(isPatient && isDead && this.#wouldLoseMuch(shard, election.to))) {
      const step: Step = { kind: 'fail-over', shard: shard.id, from: primary.id, to: election.to }
      this.#repair(shard.id, [step], retryMs.shard)
      return
    }
    const reason = election.to === undefined ? election.why : `${election.to} is too far behind`
    if (reason !== this.#lastWhy) events.emit('warn', `no replica takes the place of ${primary.id} yet: ${reason}`)
    this.#lastWhy = reason
    const noneComes = shard.replicas.every((id) => this.#system.keeper.node(id)?.pid == null)
    const isLate = election.to === undefined ? !isPatient : true
    if ((isDead && noneComes) || isLate) await this.#startAgain(primary)
  }

  /** Asynchronous replicas may lack anything; before much is lost, the primary's own disk is tried. */
  #wouldLoseMuch(shard: MapShard, to: string): boolean {
    const lag = this.#lastLag.get(to) ?? 0
    return shard.durability === 'async' && lag > this.#system.keeper.map.topology.database.replicaLagBytesMax
  }

  /** It has every write that it acknowledged, and no other was named primary. One that hangs is ended first. */
  async #startAgain(looked: MapNode): Promise<void> {
    const { keeper, fleet, events, locks } = this.#system
    if (systemClock.monotonic() < (this.#retryAtMs.get(looked.id) ?? 0)) return
    this.#retryAtMs.set(looked.id, systemClock.monotonic() + retryMs.start)
    await locks.run(this.#id, async () => {
      const primary = keeper.node(looked.id)
      const isSame = primary?.pid === looked.pid || primary?.pid === null
      if (!primary || !isSame || shardOf(keeper.map.shards, this.#id).primary !== primary.id) return
      await killServer(dataDirOf(primary))
      await dismissCandidates(this.#system, this.#id)
      await lowerFence(dataDirOf(primary))
      if (primary.pid !== null) await keeper.setState(primary.id, 'down', { pid: null })
      await fleet
        .startNode(primary.id)
        .catch((error) =>
          events.emit('error', `${primary.id} did not come back: ${describeError(error)}`, { node: primary.id }),
        )
    })
  }

  #tellSlow(primary: MapNode, isSlow: boolean): void {
    if (isSlow !== this.#isSlow) {
      const message = isSlow ? 'does not answer the supervisor, but answers others' : 'answers again'
      this.#system.events.emit(isSlow ? 'warn' : 'info', `${primary.id} ${message}`, { node: primary.id })
    }
    this.#isSlow = isSlow
  }

  async #keepReplicas(shard: MapShard): Promise<void> {
    const said = this.#primary.replicas
    if (!said) return
    const nowMs = systemClock.monotonic()
    const streaming = new Map(said.lag.map((lag) => [lag.name, lag]))
    for (const id of shard.replicas) {
      const lagBytes = streaming.get(slotNameOf(id))?.lagBytes
      if (lagBytes !== undefined) this.#lastLag.set(id, lagBytes)
    }
    // One after the other: of two that are both silent for a moment, one stays.
    const isMending = shard.replicas.some((id) => this.#executor.isRepairing(id))
    for (const id of shard.replicas) {
      const node = this.#system.keeper.node(id)
      if (!node || this.#executor.isRepairing(id) || this.#system.locks.isHeld(id)) continue
      if (node.diverged) this.#replace(node)
      else if (streaming.has(slotNameOf(id)) || node.fault === 'cut' || this.#hasNoRoom(id)) this.#silent.delete(id)
      else {
        const silence = this.#silenceOf(node, nowMs)
        if (node.pid !== null) this.#pointAgain(node, silence, nowMs)
        const isLate = !silence.isReading && nowMs - silence.sinceMs >= replaceAfterMs
        if ((isLate || nowMs - silence.firstMs >= replaceReadingAfterMs) && !isMending) return this.#giveUp(node)
      }
    }
    this.#replaceOutdatedPrograms()
    // Beside the looks: a server that hangs in the middle of it must not keep the watch from noticing.
    this.#chores ??= this.#doChores(shard, streaming, nowMs).finally(() => {
      this.#chores = undefined
    })
  }

  async #doChores(shard: MapShard, streaming: ReadonlyMap<string, { lagBytes: number }>, nowMs: number): Promise<void> {
    try {
      await this.#keepQuorum(shard, streaming)
      if (shard.durability === 'async') keepSalvageSlot(this.#system, shard.id)
      if (nowMs < this.#nextHousekeepingMs) return
      this.#nextHousekeepingMs = nowMs + housekeepingMs
      await this.#dropSlots(shard)
    } catch (error) {
      this.#system.events.emit('warn', `the replicas of ${this.#id} could not be looked after: ${describeError(error)}`)
    }
  }

  #silenceOf({ id, pid, state }: MapNode, nowMs: number): Silence {
    const known = this.#silent.get(id)
    if (known?.pid === pid) return known
    const wasStarted = known !== undefined && pid !== null
    const isReading = wasStarted || state === 'starting'
    const silence = { pid, firstMs: known?.firstMs ?? nowMs, sinceMs: nowMs, isReading }
    this.#silent.set(id, silence)
    return silence
  }

  #pointAgain(node: MapNode, silence: Silence, nowMs: number): void {
    if (nowMs - silence.sinceMs < pointAgainMs || nowMs < (this.#retryAtMs.get(`${node.id} follow`) ?? 0)) return
    this.#retryAtMs.set(`${node.id} follow`, nowMs + pointAgainMs)
    const pointing = async () => {
      await pointAtPrimary(this.#system, node)
      if (!silence.isReading || (await askStandby(this.#system, node)) === undefined) return
      silence.isReading = false
      silence.sinceMs = systemClock.monotonic()
    }
    pointing().catch(() => {}) // it is replaced when it goes on like this
  }

  /** Its disk is full: another copy would not fit there either, and its own comes back when there is room. */
  #hasNoRoom(id: string): boolean {
    return isTenfoldError(this.#system.fleet.startFailureOf(id), 'disk-full')
  }

  async #giveUp(node: MapNode): Promise<void> {
    const { keeper, events } = this.#system
    this.#silent.delete(node.id)
    events.emit('warn', `${node.id} does not follow its primary; it is replaced`, { node: node.id })
    await keeper.change((draft) => {
      const found = nodeOf(draft, node.id)
      if (found) found.diverged = true
    })
  }

  #replace(node: MapNode): void {
    const about = { node: node.id, shard: this.#id }
    const salvage: Step[] = node.deposed?.durability === 'async' ? [{ kind: 'salvage-writes', ...about }] : []
    this.#repair(node.id, [...salvage, { kind: 'rebuild-replica', ...about }], retryMs.node)
  }

  /** A program of the user's goes on with the address that it was started with; one that names another primary is replaced. */
  #replaceOutdatedPrograms(): void {
    const { map } = this.#system.keeper
    const { primary } = shardOf(map.shards, this.#id)
    const isOutdated = map.nodes.some((node) => node.primary !== undefined && node.primary !== primary)
    const nowMs = systemClock.monotonic()
    if (!isOutdated || this.#executor.progress !== null || nowMs < (this.#retryAtMs.get('programs') ?? 0)) return
    this.#retryAtMs.set('programs', nowMs + retryMs.programs)
    this.#executor.apply(map.topology)
  }

  #repair(id: string, steps: Step[], againAfterMs: number): void {
    const nowMs = systemClock.monotonic()
    // Each attempt to copy what does not fit costs the disk that others write to.
    const isFull = isTenfoldError(this.#executor.lastErrorOf(id), 'disk-full')
    const waitMs = isFull ? retryMs.noRoom : againAfterMs
    if (nowMs < (this.#retryAtMs.get(id) ?? 0)) return
    if (this.#executor.repair(id, steps)) this.#retryAtMs.set(id, nowMs + waitMs)
  }

  /** Whoever streams and is close belongs to it. Nobody leaves it by being silent: what it has acknowledged stays its word. */
  async #keepQuorum(shard: MapShard, streaming: ReadonlyMap<string, { lagBytes: number }>): Promise<void> {
    if (shard.durability !== 'quorum') return
    const isClose = (id: string) =>
      (streaming.get(slotNameOf(id))?.lagBytes ?? Number.POSITIVE_INFINITY) <= memberLagBytes
    const named = shard.quorums.at(-1)?.names ?? []
    const joining = shard.replicas.filter((id) => !named.includes(id) && isClose(id) && !this.#system.locks.isHeld(id))
    if (joining.length === 0 && shard.quorums.length === 1) return
    await setQuorum(this.#system, shard.id, { joining })
  }

  /** A slot that nobody reads keeps the log until the disk is full. Replicas have none; a primary one for each replica. */
  async #dropSlots(shard: MapShard): Promise<void> {
    const { keeper, postgres } = this.#system
    const nodes = keeper.map.nodes.filter((node) => node.shard === shard.id && node.state === 'ready')
    const known = keeper.map.nodes.filter((node) => node.role === 'postgres').map((node) => slotNameOf(node.id))
    for (const node of nodes) {
      await using admin = await postgres.admin(node)
      // Asked anew for each: meanwhile another may have become primary, or a replica joined.
      const isNeeded = (name: string) => {
        const now = shardOf(keeper.map.shards, shard.id)
        const isBecoming = keeper.node(node.id)?.candidate !== undefined
        return isBecoming || (now.primary === node.id && now.replicas.some((id) => slotNameOf(id) === name))
      }
      // Slots of others than replicas (the archive of the log) have names of another kind.
      const isOurs = (name: string) => known.includes(name) || /_postgres_\d+$/.test(name)
      for (const { name, isActive } of await admin.slots())
        if (!isActive && isOurs(name) && !isNeeded(name)) await admin.dropSlot(name)
    }
  }
}
