// The readers of one group in one process: says that it lives, keeps its lanes, takes those that are free and gives back what
// is more than its share.
//
// A lane that was rewound or lost ends its run; the next round holds it under its new epoch, or it is somebody else's. While a
// handler of a lost lane still runs here, no second one is started.

import { describeError } from '../../../base/errors.ts'

import type { EntryHandler, HeldLane, HoldRequest, StreamEngine } from './contract.ts'
import { type LaneOptions, LaneRun } from './lane-run.ts'
import { claimMsMax } from './options.ts'
import type { ReaderContext } from './reader-context.ts'

export class GroupReader {
  readonly stream: string
  readonly #engine: StreamEngine
  readonly #request: HoldRequest
  readonly #handler: EntryHandler
  readonly #options: LaneOptions
  readonly #context: ReaderContext
  readonly #runs = new Map<string, LaneRun>()
  /** Lanes that are being let go of. */
  readonly #leaving = new Set<string>()
  #waking = new AbortController()
  #isStopping = false
  #loop: Promise<void> | undefined
  /** Until then the lanes are surely ours. */
  #heldUntil = 0

  constructor(
    engine: StreamEngine,
    request: HoldRequest,
    handler: EntryHandler,
    options: LaneOptions,
    context: ReaderContext,
  ) {
    this.stream = request.stream
    this.#engine = engine
    this.#request = request
    this.#handler = handler
    this.#options = options
    this.#context = context
  }

  /** Lanes in which something is being handled. */
  get inFlight(): number {
    return [...this.#runs.values()].filter(({ isHandling }) => isHandling).length
  }

  /** May be called twice, and after stop. */
  start(): void {
    this.#isStopping = false
    this.#loop ??= this.#work()
  }

  /** Something may have come. */
  hint(): void {
    for (const run of this.#runs.values()) run.hint()
  }

  /** Lets go of every lane whose handler ends in time. */
  async stop(drainMs: number): Promise<void> {
    if (!this.#loop) return
    this.#isStopping = true
    this.#waking.abort()
    await this.#loop
    this.#loop = undefined
    await Promise.all([...this.#runs.values()].map((run) => this.#handOver(run, drainMs)))
    const { stream, group, holder } = this.#request
    await this.#engine.leave({ stream, group, holder }).catch((error) => this.#warn(error, 'leave a group'))
  }

  async #work(): Promise<void> {
    const { leaseMs } = this.#request
    while (!this.#isStopping) {
      this.#waking = new AbortController()
      const waking = this.#waking.signal
      await this.#hold()
      if (!this.#isStopping) await this.#context.clock.sleep(Math.min(leaseMs / 3, claimMsMax), waking)
    }
  }

  async #hold(): Promise<void> {
    const { clock } = this.#context
    const askedAt = clock.monotonic()
    try {
      const { lanes, surplus } = await this.#engine.hold(this.#request)
      this.#heldUntil = askedAt + this.#request.leaseMs
      const held = new Set(lanes.map(({ id }) => id))
      for (const run of this.#runs.values()) if (!held.has(run.lane.id)) run.lose()
      for (const lane of lanes) this.#read(lane)
      for (const run of [...this.#runs.values()].slice(0, surplus)) void this.#handOver(run, this.#request.leaseMs)
    } catch (error) {
      this.#warn(error, 'hold the lanes of a group')
      if (clock.monotonic() >= this.#heldUntil) for (const run of this.#runs.values()) run.lose()
    }
  }

  #read(lane: HeldLane): void {
    const before = this.#runs.get(lane.id)
    if (before) {
      // Rewound: it looks at once, and meets the new epoch.
      if (before.lane.epoch !== lane.epoch) before.hint()
      return
    }
    if (this.#isStopping || this.#leaving.has(lane.id)) return
    const run = new LaneRun(this.#engine, lane, this.#handler, this.#options, this.#context)
    this.#runs.set(lane.id, run)
    void run.finished.then(() => {
      this.#runs.delete(lane.id)
      this.#waking.abort()
    })
  }

  async #handOver(run: LaneRun, drainMs: number): Promise<void> {
    const { id } = run.lane
    if (this.#leaving.has(id)) return
    this.#leaving.add(id)
    await run.handOver(drainMs).catch((error) => this.#warn(error, 'let go of a lane'))
    this.#leaving.delete(id)
  }

  #warn(error: unknown, what: string): void {
    const { stream, group } = this.#request
    this.#context.log.warn({ err: error, stream, group }, `could not ${what}: ${describeError(error)}`)
  }
}
