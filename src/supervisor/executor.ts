// Carries plans out: the only way in which the system changes. A climb (or any change that somebody asked for) has one
// lane. Each shard has one for its failovers and each database node one for its repair: they must not wait for a climb,
// which may be waiting for the very database that is to be mended, nor for each other. A climb whose ground changed
// meanwhile is planned anew. What the load asks for goes through the lane of the climb too, when nothing else does, and makes
// way for whatever a person asks for.

import { isDeepStrictEqual } from 'node:util'
import { waitUntil, withTimeout } from '../base/limits.ts'
import { nodeOf, type Role, type ScaledRole, type SystemMap } from '../map/map.ts'
import { plan } from '../plan/plan.ts'
import { planScale } from '../plan/plan-scale.ts'
import { type Step, titleOf } from '../plan/step.ts'
import type { Topology } from '../topology/schema.ts'
import type { Journal } from './journal.ts'
import { Lane } from './lane.ts'
import { carryOutStep } from './steps/carry-out.ts'
import type { System } from './system.ts'

export interface Progress {
  to: number
  step: string
  done: number
  of: number
}

/** A database that fails over more often than this while one climb goes on needs somebody to look. */
const replansMax = 10
/** How long a step that failed beside an ailing primary waits for it to be mended before it counts as failed. */
const mendTimeoutMs = 60_000
/** How long a person's change waits for the step that the load has asked for: less than a call to the control API may take. */
const makeWayTimeoutMs = 25_000

/** What a watch may ask for. */
export type Mender = Pick<Executor, 'repair' | 'isRepairing' | 'lastErrorOf' | 'apply' | 'progress' | 'isScaling'>

/** What the scaler may ask for. */
export type Scaling = Pick<Executor, 'scale' | 'endScaling' | 'scaling' | 'progress' | 'isHalfWay' | 'scalingFailure'>

export class Executor {
  readonly #system: System
  readonly #check: (topology: Topology, roles: ReadonlySet<Role>) => Promise<void>
  readonly #climb: Lane
  readonly #repairs = new Map<string, Lane>()
  #isStopped = false
  /** Persons who want to begin something. */
  #asking = 0
  /** What the load has asked for is not what it asks for now. */
  #isScalingStale = false
  /** Of each role the last one, until that succeeds or a person's change begins. */
  readonly #scalingFailures = new Map<ScaledRole, string>()
  #listeners = new Set<(progress: Progress | null) => void>()

  /** `check` rejects a topology that new nodes of these roles could not start with. */
  constructor(system: System, check: (topology: Topology, roles: ReadonlySet<Role>) => Promise<void> = async () => {}) {
    this.#system = system
    this.#check = check
    this.#climb = new Lane({
      file: system.home.journal,
      nameOf,
      events: system.events,
      carryOut: (step) => this.#carryOutOfClimb(step),
      replan: (journal, error) => this.#replan(journal, error),
      onChange: () => {
        this.#noteScaling()
        this.#announce()
      },
      isStopping: () => system.stopping().aborted,
    })
  }

  get progress(): Progress | null {
    const journal = this.#climb.current
    if (!journal) return null
    const { to, steps, done } = journal
    const step = steps[Math.min(done, steps.length - 1)]
    return { to, step: step ? titleOf(step) : '', done, of: steps.length }
  }

  /** Why the last climb of this supervisor was given up; null once a later one has begun. */
  get lastFailure(): string | null {
    return this.#climb.last?.isScaling ? null : this.#climb.lastFailure
  }

  /** Why what the load asked for of a role was given up last, whatever has become of another role since. */
  scalingFailure(role: ScaledRole): string | null {
    return this.#scalingFailures.get(role) ?? null
  }

  /** A climb was given up on its way: the system is neither what it was nor what was wanted, until somebody decides. */
  get isHalfWay(): boolean {
    return this.#climb.last?.failure !== undefined && this.#climb.last.target !== undefined
  }

  onProgress(listener: (progress: Progress | null) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  planTo(topology: Topology): Step[] {
    return plan(this.#system.keeper.map, topology)
  }

  /**
   * Begins to carry out the way to a topology and answers its steps.
   * @throws conflict while another plan is being carried out.
   */
  apply(topology: Topology): Step[] {
    const steps = this.planTo(topology)
    this.#begin(steps, topology.rung, topology)
    return steps
  }

  /**
   * The same for what somebody asks for: what its new nodes need is looked at first, since once the settings are taken over,
   * those that serve cannot be started again without it either.
   * @throws what `check` does.
   */
  accept(topology: Topology): Promise<Step[]> {
    return this.#beforeScaling(async () => {
      const roles = this.planTo(topology).flatMap((step) => (step.kind === 'start-node' ? step.node.role : []))
      await this.#check(topology, new Set(roles))
      return this.apply(topology)
    })
  }

  /** Begins to bring a role to what the load asks for; false while anything else goes on, and when it is there. */
  scale(role: ScaledRole, number: number): boolean {
    if (this.#isStopped || this.#asking > 0 || this.#climb.current) return false
    const { map } = this.#system.keeper
    const steps = planScale(map, role, number)
    this.#isScalingStale = false
    if (steps.length > 0) this.#climb.begin({ ...this.#journalOf(steps, map.rung), isScaling: true, scales: role })
    return steps.length > 0
  }

  /** What the load asks for is being carried out. */
  get isScaling(): boolean {
    return this.#climb.current?.isScaling === true
  }

  /** ... of this role. */
  get scaling(): ScaledRole | undefined {
    return scaledBy(this.#climb.current)
  }

  /** Nothing more of it begins after the step that is under way. */
  endScaling(): void {
    this.#isScalingStale = true
  }

  /** Begins steps that lead to no other topology: a switchover. @throws conflict as `apply` does. */
  carryOut(steps: Step[]): Promise<Step[]> {
    return this.#beforeScaling(async () => {
      this.#begin(steps, this.#system.keeper.map.rung)
      return steps
    })
  }

  /** Begins to mend a shard or node, beside whatever goes on. False while it is being mended already, or when stopping. */
  repair(id: string, steps: Step[]): boolean {
    if (this.#isStopped || this.isRepairing(id)) return false
    const { rung } = this.#system.keeper.map
    this.#repairLane(id).begin(this.#journalOf(steps, rung))
    return true
  }

  /** What the last repair was given up for. */
  lastErrorOf(id: string): unknown {
    return this.#repairs.get(id)?.lastError
  }

  isRepairing(id: string): boolean {
    return this.#repairs.get(id)?.current !== undefined
  }

  /** Reads what an earlier supervisor left. */
  async load(): Promise<void> {
    this.#isStopped = false
    const { shards, nodes } = this.#system.keeper.map
    for (const { id } of [...shards, ...nodes.filter(({ role }) => role === 'postgres')]) this.#repairLane(id)
    await Promise.all(this.#lanes().map((lane) => lane.load()))
  }

  /** The nodes of the steps that were under way when the earlier supervisor died. */
  nodesInStep(): ReadonlySet<string> {
    return new Set(this.#lanes().flatMap((lane) => lane.nodesInStep()))
  }

  /** Goes on with what an earlier supervisor left unfinished. */
  resume(): void {
    for (const lane of this.#lanes()) lane.resume()
  }

  /** Resolves when no plan is being carried out. */
  async idle(): Promise<void> {
    await Promise.all(this.#lanes().map((lane) => lane.idle()))
  }

  /** Ends after the steps that are under way; what is left stays in the journals. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#lanes().map((lane) => lane.stop()))
  }

  #begin(steps: Step[], rung: number, target?: Topology): void {
    const journal = { ...this.#journalOf(steps, rung), ...(target && { target }) }
    if (steps.length === 0 && !this.#climb.current) return
    this.#climb.begin(journal)
    this.#scalingFailures.clear()
  }

  #noteScaling(): void {
    const role = scaledBy(this.#climb.last)
    if (role === undefined || this.#climb.current) return
    const failure = this.#climb.lastFailure
    if (failure === null) this.#scalingFailures.delete(role)
    else this.#scalingFailures.set(role, failure)
  }

  #journalOf(steps: Step[], to: number): Journal {
    const { map } = this.#system.keeper
    const startedAt = new Date().toISOString()
    return { from: map.rung, to, steps, done: 0, startedAt, primaries: primariesOf(map), replans: 0 }
  }

  /** What the load has asked for ends with the step that is under way, and nothing more of it begins. */
  async #beforeScaling<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#asking++
    try {
      if (this.#climb.current?.isScaling)
        await withTimeout(this.#climb.idle(), makeWayTimeoutMs, nameOf(this.#climb.current))
      return await work()
    } finally {
      this.#asking--
    }
  }

  async #carryOutOfClimb(step: Step): Promise<void> {
    await carryOutStep(this.#system, step)
    const journal = this.#climb.current
    if (journal && step.kind === 'switch-primary') journal.primaries = primariesOf(this.#system.keeper.map)
  }

  /** After a failover the steps that are left name the wrong primary; from the map as it is now they are planned again. */
  async #replan(journal: Journal, error?: unknown): Promise<Step[] | undefined> {
    const { keeper } = this.#system
    if (journal.isScaling) return this.#asking > 0 || this.#isScalingStale ? [] : undefined
    if (journal.target === undefined || journal.replans >= replansMax) return undefined
    const isTroubled = () => keeper.map.shards.some((shard) => this.#isAiling(shard.id))
    const wasTroubled = error !== undefined && isTroubled()
    if (wasTroubled) {
      const mended = { what: 'the repair of the database', timeoutMs: mendTimeoutMs, intervalMs: 50 }
      await waitUntil(() => !isTroubled(), { ...mended, signal: this.#system.stopping() }).catch(() => {})
    }
    const now = primariesOf(keeper.map)
    const known = Object.fromEntries(Object.keys(journal.primaries).map((shard) => [shard, now[shard]]))
    if (!wasTroubled && isDeepStrictEqual(known, journal.primaries)) return undefined
    journal.primaries = now
    journal.replans++
    return plan(keeper.map, journal.target)
  }

  #isAiling(shard: string): boolean {
    const { map } = this.#system.keeper
    const primary = map.shards.find(({ id }) => id === shard)?.primary
    return this.isRepairing(shard) || (primary !== undefined && nodeOf(map, primary)?.state !== 'ready')
  }

  #repairLane(id: string): Lane {
    let lane = this.#repairs.get(id)
    if (!lane) {
      lane = new Lane({
        file: this.#system.home.repairJournalOf(id),
        nameOf: () => `the repair of ${id}`,
        events: this.#system.events,
        carryOut: (step) => carryOutStep(this.#system, step),
        isStopping: () => this.#system.stopping().aborted,
      })
      this.#repairs.set(id, lane)
    }
    return lane
  }

  #lanes(): Lane[] {
    return [this.#climb, ...this.#repairs.values()]
  }

  #announce(): void {
    for (const listener of this.#listeners) listener(this.progress)
  }
}

function nameOf({ from, to, isScaling }: Journal): string {
  if (isScaling) return 'what the load asks for'
  return from === to ? `the change of rung ${to}` : `the climb to rung ${to}`
}

function primariesOf({ shards }: SystemMap): Record<string, string> {
  return Object.fromEntries(shards.map(({ id, primary }) => [id, primary]))
}

function scaledBy(journal: Journal | undefined): ScaledRole | undefined {
  return journal?.isScaling ? (journal.scales ?? 'web') : undefined
}
