// The sources of one shard: its primary and the replicas that the map calls ready; which of them gets a read.

import type { Random } from '../../../base/random.ts'
import type { MapNode } from '../../../map/map.ts'
import { outsideOfScopes } from '../causality/causality.ts'
import type { PositionReport } from '../causality/position-query.ts'
import type { Scope } from '../causality/scope.ts'
import type { Connection } from '../connection.ts'
import type { ReadFrom } from '../contract.ts'
import type { RouterOptions } from '../options.ts'
import { chooseReplica } from './choose.ts'
import { PrimaryHistory } from './lag.ts'
import type { Source } from './source.ts'
import { Watch } from './watch.ts'

/** What the map says of a shard. */
export interface ShardTerms {
  id: string
  primary: MapNode
  replicas: readonly MapNode[]
  timeline: number
  timelineStart: bigint
  lagMsMax: number
  lagBytesMax: number
}

export interface ShardListener {
  openSource(node: MapNode, shard: { id: string; role: 'primary' | 'replica'; timeline: number }): Source
  /** Its sources are no longer the shard's. */
  onRetired(source: Source): void
  /** Somebody knows of a newer map than this process. */
  onMapIsOld(): void
}

export class ShardSources {
  readonly id: string
  readonly #options: RouterOptions
  readonly #listener: ShardListener
  readonly #random: Random
  #terms: ShardTerms
  #primary: Source
  #replicas: Source[] = []
  #history: PrimaryHistory
  #watches = new Map<Source, Watch>()
  #timer: NodeJS.Timeout | undefined
  /** Monotonic time of the last read that could go to a replica. */
  #wantedAt = Number.NEGATIVE_INFINITY
  #turn = 0

  constructor(terms: ShardTerms, options: RouterOptions, listener: ShardListener, random: Random) {
    this.id = terms.id
    this.#options = options
    this.#listener = listener
    this.#random = random
    this.#terms = terms
    this.#history = new PrimaryHistory(terms.lagMsMax)
    this.#primary = listener.openSource(terms.primary, { ...terms, role: 'primary' })
    this.apply(terms)
  }

  get primary(): Source {
    return this.#primary
  }

  get hasReplicas(): boolean {
    return this.#replicas.length > 0
  }

  get sources(): readonly Source[] {
    return [this.#primary, ...this.#replicas]
  }

  /** Follows a newer map. Answers whether the primary moved. */
  apply(terms: ShardTerms): boolean {
    const { timeline, timelineStart, lagMsMax } = terms
    const isNewTimeline = timeline !== this.#terms.timeline
    const before = [this.#primary, ...this.#replicas]
    const keep = (node: MapNode, role: 'primary' | 'replica') =>
      before.find((source) => source.leadsTo(node, role)) ?? this.#listener.openSource(node, { ...terms, role })
    this.#primary = keep(terms.primary, 'primary')
    this.#replicas = terms.replicas.map((node) => keep(node, 'replica'))
    if (isNewTimeline || lagMsMax !== this.#terms.lagMsMax) this.#history = new PrimaryHistory(lagMsMax)
    // The new primary begins there; what it wrote since is known when it is first asked.
    if (isNewTimeline) this.#history.note(timelineStart, performance.now())
    this.#terms = terms
    const after = this.sources
    for (const source of after) {
      if (isNewTimeline) source.forgetPosition()
      source.timeline = timeline
    }
    const promoted = before.find((source) => source.leadsTo(terms.primary, 'replica'))
    if (promoted) this.#primary.pool.adopt(promoted.pool)
    for (const source of before) if (!after.includes(source)) this.#retire(source)
    this.#follow()
    return before[0] !== this.#primary
  }

  /** Where a read goes. */
  sourceOfRead(from: ReadFrom | undefined, scope: Scope | undefined): Source {
    if (this.#replicas.length === 0) return this.#primary
    const needed = from === 'replica' ? 'anything' : scope?.neededOf(this.id)
    if (needed === undefined) return this.#primary
    if (needed === 'anything') return this.#choose('anything')
    const { timeline, timelineStart } = this.#terms
    if (needed.timeline > timeline) {
      this.#listener.onMapIsOld()
      return this.#primary
    }
    // A position of an older timeline may lie beyond the place where the new one begins; asking for it is safe, and one
    // read of the primary ends it.
    return this.#choose(laterOf(needed.lsn, timelineStart))
  }

  /** A source told where it stands. */
  note(source: Source, report: PositionReport, connection: Connection): void {
    if (report.isInRecovery !== (source.role === 'replica')) this.#listener.onMapIsOld()
    if (!source.note(report, connection)) return
    if (source === this.#primary) {
      this.#history.note(report.floor, source.checkedAt)
      for (const replica of this.#replicas) this.#judge(replica)
    } else this.#judge(source)
  }

  /** The map has no such shard any more. */
  retire(): void {
    this.close()
    for (const source of this.sources) this.#retire(source)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const watch of this.#watches.values()) watch.close()
    this.#watches.clear()
  }

  #choose(position: bigint | 'anything'): Source {
    const now = performance.now()
    this.#want(now)
    const checkedAfter = now - this.#options.positionOldMs
    return chooseReplica(this.#replicas, { position, checkedAfter, turn: this.#turn++ }) ?? this.#primary
  }

  #judge(replica: Source): void {
    const { position } = replica
    const { lagMsMax, lagBytesMax, timelineStart } = this.#terms
    replica.isFit =
      position !== undefined &&
      position >= timelineStart &&
      this.#history.lagBytesOf(position) <= lagBytesMax &&
      this.#history.lagMsOf(position) <= lagMsMax
  }

  #retire(source: Source): void {
    this.#watches.get(source)?.close()
    this.#watches.delete(source)
    source.isDeposed = true
    this.#listener.onRetired(source)
  }

  /** Watches all sources while there are replicas, nobody else. */
  #follow(): void {
    if (!this.hasReplicas) {
      this.close()
      return
    }
    for (const source of this.sources)
      if (!this.#watches.has(source)) this.#watches.set(source, this.#openWatch(source))
    this.#timer ??= this.#schedule(0)
  }

  #openWatch(source: Source): Watch {
    const onReport = (report: PositionReport, connection: Connection) => this.note(source, report, connection)
    const onHang = () => {
      if (source.role === 'primary') return // whether a primary is dead is for the supervisor to say
      source.forget()
      source.pool.cut(`${source.node} hangs`)
    }
    return new Watch(source, this.#options, { onReport, onHang }, this.#random)
  }

  /** Positions are asked for often from now on. */
  #want(now: number): void {
    const wasIdle = now - this.#wantedAt > this.#options.positionBusyMs
    this.#wantedAt = now
    if (!wasIdle) return
    clearTimeout(this.#timer)
    this.#timer = this.#schedule(0)
  }

  #schedule(ms: number): NodeJS.Timeout {
    return outsideOfScopes(() => setTimeout(() => this.#ask(), ms).unref())
  }

  #ask(): void {
    const { positionMs, positionIdleMs, positionBusyMs } = this.#options
    const now = performance.now()
    const intervalMs = now - this.#wantedAt > positionBusyMs ? positionIdleMs : positionMs
    for (const [source, watch] of this.#watches)
      if (source.position === undefined || now - source.checkedAt >= intervalMs) watch.ask(now)
    this.#timer = this.#schedule(intervalMs)
  }
}

function laterOf(left: bigint, right: bigint): bigint {
  if (left > right) return left
  return right
}
