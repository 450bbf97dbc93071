// The balancer's answers to the questions of the HTTP engine: which server, and whether again.

import { openChannel } from '../../../../base/channels.ts'
import type { OwnAnswer } from '../../../../net/http1/answer-writer.ts'
import type { Counters } from '../../../../net/http1/counters.ts'
import type { Failure } from '../../../../net/http1/failure.ts'
import type { ForwardedRequest, ForwardPolicy, Upstream } from '../../../../net/http1/forward-policy.ts'
import type { UpstreamLimits } from '../../../../net/http1/limits.ts'
import type { TimerWheel } from '../../../../net/http1/timer-wheel.ts'
import { UpstreamPool } from '../../../../net/http1/upstream-pool.ts'
import type { BalancerOptions } from '../../options.ts'
import { RetryBudget } from '../../retry-budget.ts'
import type { PickHints, Roster } from '../../roster.ts'
import type { ServerState } from '../../server-state.ts'
import { WaitingLine } from '../../waiting-line.ts'
import { hashOf } from './request-traits.ts'
import { StickyCookie } from './sticky-cookie.ts'

/** A server with the connections to it. */
export interface Place extends Upstream {
  state: ServerState
}

export interface PolicyContext {
  options: BalancerOptions
  limits: Partial<UpstreamLimits>
  wheel: TimerWheel
  counts: Counters
}

const upstreamChannel = openChannel('tenfold:upstream')
const nobody: readonly ServerState[] = []

export class BalancerPolicy implements ForwardPolicy {
  readonly retryAfterSeconds: number
  readonly #roster: Roster
  readonly #context: PolicyContext
  readonly #budget: RetryBudget
  readonly #line: WaitingLine<ForwardedRequest>
  readonly #sticky = new StickyCookie()
  readonly #places = new Map<ServerState, Place>()
  /** Filled anew for each pick. */
  readonly #hints: { -readonly [Key in keyof PickHints]: PickHints[Key] } = {}

  constructor(roster: Roster, context: PolicyContext) {
    const { retryAfterSeconds, retryBudgetRatio, retryBudgetBurst } = context.options
    this.retryAfterSeconds = retryAfterSeconds
    this.#roster = roster
    this.#context = context
    this.#budget = new RetryBudget(retryBudgetRatio, retryBudgetBurst)
    this.#line = new WaitingLine(context.wheel, () => roster.upstreams)
    this.#sticky.follow(roster.servers)
    roster.onRoom = () => this.#line.serve(() => roster.hasRoom)
  }

  pick(request: ForwardedRequest): Place | OwnAnswer | 'wait' {
    const { exchange, tried } = request
    const state = this.#roster.pick(this.#hintsOf(request))
    if (state === 'full') return this.#wait(request)
    if (state === undefined) return this.#unavailable(tried.length)
    if (tried.length === 0) this.#budget.deposit()
    const { notes } = exchange
    notes.server = state.upstream.id
    notes.attempts = tried.length + 1
    this.#roster.took(state)
    return this.#placeOf(state)
  }

  left(request: ForwardedRequest): void {
    this.#line.leave(request)
  }

  answering({ exchange, isBodyKept, pickedMs }: ForwardedRequest, { state }: Place): string {
    this.#roster.answered(state, isBodyKept ? performance.now() - pickedMs : undefined)
    return this.#roster.upstreams.sticky === 'cookie' ? this.#sticky.fieldFor(exchange, state) : ''
  }

  failed({ pickedMs }: ForwardedRequest, { state }: Place, { kind, reason }: Failure, canRepeat: boolean): boolean {
    this.#roster.failed(state, kind === 'full' ? 'local' : kind, reason, performance.now() - pickedMs)
    if (!canRepeat || !this.#budget.withdraw()) return false
    upstreamChannel.publish({ node: state.upstream.id, event: 'retried', reason })
    return true
  }

  released(_request: ForwardedRequest, { state }: Place): void {
    this.#roster.released(state)
  }

  /** The snapshot has changed: servers that are gone, or drain, lose their idle connections now and the others with their answers. */
  follow(left: readonly ServerState[]): void {
    this.#sticky.follow(this.#roster.servers)
    const draining = this.#roster.servers.filter((state) => state.upstream.isDraining)
    for (const state of [...left, ...draining]) {
      this.#places.get(state)?.pool.drain()
      this.#places.delete(state)
    }
    for (const { pool } of this.#places.values()) Object.assign(pool.limits, this.#limits())
  }

  destroy(): void {
    this.#line.close()
    for (const { pool } of this.#places.values()) pool.destroy()
    this.#places.clear()
  }

  #hintsOf({ exchange, tried }: ForwardedRequest): PickHints | undefined {
    const { upstreams, needsHash } = this.#roster
    const hasCookie = upstreams.sticky === 'cookie'
    if (tried.length === 0 && !needsHash && !hasCookie) return undefined
    const hints = this.#hints
    hints.tried = tried.length === 0 ? nobody : tried.map(stateOf)
    hints.hash = needsHash ? hashOf(exchange, upstreams) : 0
    hints.wanted = hasCookie ? this.#sticky.wanted(exchange) : undefined
    return hints
  }

  #wait(request: ForwardedRequest): OwnAnswer | 'wait' {
    const waiter = { proceed: () => request.proceed(), giveUp: () => request.giveUp(this.#overloaded) }
    return this.#line.join(request, waiter) ? 'wait' : this.#overloaded
  }

  #placeOf(state: ServerState): Place {
    const known = this.#places.get(state)
    if (known !== undefined) return known
    const { address, port } = state.upstream
    const { wheel, counts } = this.#context
    const place = { state, pool: new UpstreamPool({ address, port }, { limits: this.#limits(), wheel, counts }) }
    this.#places.set(state, place)
    return place
  }

  #limits(): Partial<UpstreamLimits> {
    const { timeoutMs, inFlightPerServerMax } = this.#roster.upstreams
    return { answerTimeoutMs: timeoutMs, connectionsMax: inFlightPerServerMax, ...this.#context.limits }
  }

  get #overloaded(): OwnAnswer {
    const { retryAfterSeconds } = this
    return { status: 503, code: 'overloaded', message: 'every server is at its limit; try again', retryAfterSeconds }
  }

  #unavailable(triedCount: number): OwnAnswer {
    const { retryAfterSeconds } = this
    const status = triedCount > 0 ? 502 : 503
    return { status, code: 'unavailable', message: 'there is no server for this request now', retryAfterSeconds }
  }
}

function stateOf(upstream: Upstream): ServerState {
  return (upstream as Place).state
}
