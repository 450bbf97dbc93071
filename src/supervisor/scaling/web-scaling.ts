// How many web processes there shall be, from what they and the fronts tell of themselves. Opens nothing and has no clock: the
// scaler (scaler.ts) looks and acts, a test lets hours pass in a moment.

import type { ProcessUse } from '../../processes/process-use.ts'
import { Busyness } from './busyness.ts'
import { Cast, type CastMember } from './cast.ts'
import { firstState, nextNumber, remember, type ScaleRules, type ScaleState } from './next-number.ts'
import { type WebDemand, webDemand } from './web-demand.ts'

export interface SeenWeb extends CastMember {
  /** Undefined when it does not answer. */
  use: ProcessUse | undefined
}

export interface WebLook {
  atMs: number
  /** All but those that drain. */
  webs: readonly SeenWeb[]
  p99Ms: number | undefined
}

export interface WebRules extends ScaleRules {
  targetUtilisation: number
  p99MsMax?: number | undefined
  windowMs: number
}

/** The latency that a door tells is of the last 5 to 10 s (net/latency-window.ts). */
const latencyWindowMs = 10_000

export class WebScaling {
  readonly #busyness = new Busyness()
  readonly #cast = new Cast()
  #state: ScaleState | undefined
  #demand: WebDemand | undefined

  get demand(): WebDemand | undefined {
    return this.#demand
  }

  /** Takes in what is seen, whatever may be done about it now. */
  see({ atMs, webs, p99Ms }: WebLook, rules: WebRules): void {
    const { windowMs } = rules
    this.#busyness.keep(new Set(webs.map(({ id }) => id)))
    for (const { id, pid, isReady, use } of webs)
      if (isReady && pid !== null && use) this.#busyness.hear(id, pid, use, atMs, windowMs)
    const busy = webs.map(({ id, pid, isReady }) =>
      isReady && pid !== null ? this.#busyness.of(id, pid, atMs, windowMs) : undefined,
    )
    this.#cast.see(webs, atMs)
    const isSettled = this.#cast.hasStoodFor(latencyWindowMs, atMs)
    this.#demand = webDemand({ busy, p99Ms, isSettled }, rules)
    this.#state = remember(this.#state ?? firstState(webs.length, atMs), this.#demand.processes, atMs, rules)
  }

  /** How many there shall be in the place of `number`. */
  next(number: number, atMs: number, rules: WebRules): number {
    this.#state = nextNumber({ ...(this.#state ?? firstState(number, atMs)), number }, atMs, rules)
    return this.#state.number
  }
}
