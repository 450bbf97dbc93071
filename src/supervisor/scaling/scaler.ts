// Keeps a role as large as its load asks for, where the topology lets it (`web.max`, `worker.max`): looks once a second, decides
// (web-scaling.ts, worker-scaling.ts), and has the executor start or stop processes when nothing else goes on.
//
// What it decided lies in the map, so that a supervisor that is killed takes no server away: the next one begins with that
// number, and waits for a whole window before it wants fewer.

import { describeError } from '../../base/errors.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { rangeOf, wantedOf } from '../../plan/plan-scale.ts'
import type { Topology } from '../../topology/schema.ts'
import type { Scaling } from '../executor.ts'
import type { System } from '../system.ts'
import { type RoleScaling, whyOf } from './role-scaling.ts'

/** Processes that did not start are not tried again at once, and each time later. */
const retry = { baseMs: 2000, capMs: 60_000 }

export interface ScaleStatus {
  /** How many processes there shall be now, and the bounds of that. */
  wanted: number
  least: number
  most: number
  /** How busy they are on average, 0 to 1; null while nobody knows. */
  utilisation: number | null
  /** Why it does not do what the load asks for. */
  trouble: string | null
}

export class Scaler extends Lifecycle {
  readonly #system: Pick<System, 'keeper' | 'events'>
  readonly #executor: Scaling
  readonly #lookIntervalMs: number
  readonly #open: () => RoleScaling
  #scaling: RoleScaling
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  /** It has begun something, and has not looked yet what became of it. */
  #hasBegun = false
  #failures = 0
  #retryAtMs = 0
  #trouble: string | null = null

  constructor(
    system: Pick<System, 'keeper' | 'events'>,
    executor: Scaling,
    /** Begins to look at a role; what it has seen before is forgotten. */
    open: () => RoleScaling,
    { lookIntervalMs = 1000 }: { lookIntervalMs?: number } = {},
  ) {
    super()
    this.#lookIntervalMs = lookIntervalMs
    this.#system = system
    this.#executor = executor
    this.#open = open
    this.#scaling = open()
  }

  /** Null where the topology has a fixed number. */
  status(): ScaleStatus | null {
    const { map } = this.#system.keeper
    const { role, demand } = this.#scaling
    const { least, most } = rangeOf(map.topology, role)
    if (least === most) return null
    const wanted = wantedOf(map, map.topology, role)
    return { wanted, least, most, utilisation: demand?.utilisation ?? null, trouble: this.#trouble }
  }

  protected async open(): Promise<void> {
    this.#scaling = this.#open()
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look()
        .catch((error) => this.#tell(describeError(error)))
        .finally(() => {
          this.#looking = undefined
        })
    }, this.#lookIntervalMs)
  }

  protected async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    const { keeper } = this.#system
    const { map } = keeper
    if (this.#isFixed(map.topology) || map.rung === 0) {
      this.#scaling = this.#open()
      this.#trouble = null
      return
    }
    const look = await this.#scaling.look(map)
    // It may have been told to stop, or the topology may have changed, while it asked.
    if (!this.isRunning || this.#isFixed(keeper.map.topology)) return
    look.takeIn(keeper.map.topology)
    this.#tell(this.#act(look.atMs))
  }

  /** Once, as long as it is the same. */
  #tell(trouble: string | null): void {
    if (trouble !== null && trouble !== this.#trouble)
      this.#system.events.emit('warn', `the ${this.#scaling.role} tier does not scale: ${trouble}`)
    this.#trouble = trouble
  }

  /** Answers what keeps it from acting, but for work that will be over. */
  #act(atMs: number): string | null {
    const { keeper, events } = this.#system
    const { map } = keeper
    const { role } = this.#scaling
    if (this.#executor.progress !== null) {
      // Many drain for long, one after the other: a load that comes meanwhile, of whichever role, is not kept waiting for all.
      const wished = Math.min(this.#scaling.demand?.processes ?? 0, rangeOf(map.topology, role).most)
      const isShort = wished > wantedOf(map, map.topology, role)
      if (this.#executor.scaling !== undefined && isShort && atMs >= this.#retryAtMs) this.#executor.endScaling()
      return this.#trouble
    }
    const failure = this.#lookBack(atMs)
    if (this.#executor.isHalfWay) return 'the last climb was given up on its way; finish it, or go back'
    if (atMs < this.#retryAtMs) return failure
    const number = wantedOf(map, map.topology, role)
    const next = this.#scaling.next(number, atMs, map.topology)
    // Also when the number stays: a process may be missing that did not start.
    this.#hasBegun = this.#executor.scale(role, next)
    if (this.#hasBegun && next !== number)
      events.emit('info', `${role} processes: ${number} to ${next}, ${whyOf(this.#scaling)}`)
    return failure
  }

  /** What became of the last thing that it has begun. */
  #lookBack(atMs: number): string | null {
    const failure = this.#executor.scalingFailure(this.#scaling.role)
    if (this.#hasBegun && failure === null) this.#failures = 0
    if (this.#hasBegun && failure !== null)
      this.#retryAtMs = atMs + Math.min(retry.capMs, retry.baseMs * 2 ** this.#failures++)
    this.#hasBegun = false
    return failure
  }

  #isFixed(topology: Topology): boolean {
    const { least, most } = rangeOf(topology, this.#scaling.role)
    return least === most
  }
}
