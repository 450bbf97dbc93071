// Takes jobs of one queue from one shard: the next ones in line, delayed ones that are due, and the next of keys whose turn
// ended here. Beside it, once a second, a look along the whole line (line.ts says why).

import type { ShardDatabase } from '../../../database/contract.ts'
import type { TakenJob, TakeRequest } from '../../contract.ts'
import { lastId, timeOf } from './job-time.ts'
import { Line } from './line.ts'
import { hasKeysStatement, lookStatement, takeHeadsStatement, takeStatement } from './statements.ts'

/** Rows that a claim looks at, at least, where keys hold back what comes first. */
const rowsMin = 1000
/** ... where jobs with a key are only stepped over. */
const unkeyedRowsMin = 10_000
/** Claims in a row that found nothing but jobs whose key's turn it is not. */
const roundsMax = 10
const lookRowsMax = 1000
const looksMax = 8
const isSuspectFlag = 1
const isCanceledFlag = 2
const hasIdFlag = 4
const wasDelayedFlag = 8
const primary = { from: 'primary' } as const

interface TakenRow {
  bucket: number
  id: string | null
  rank: number | null
  key: string | null
  body: string
  trace: string | null
  attempt: number
  lease: number
  flags: number
  now_ms: number
  next_ms: number | null
}
type JobRow = TakenRow & { id: string; rank: number }

interface LookRow {
  found_rank: number | null
  found_id: string | null
  last_rank: number | null
  last_id: string | null
  due_ms: number | null
}

interface Taken {
  jobs: TakenJob[]
  /** Were canceled before anybody had them, and so are only to be forgotten. */
  canceled: TakenJob[]
}

export class Claims {
  readonly line = new Line()
  readonly #queue: string
  readonly #only: TakeRequest['only']
  readonly #hint: () => void
  /** Where the look along the line goes on. */
  #lookFrom: { rank: number; id: string } | undefined
  #looking: Promise<void> = Promise.resolve()
  #headsFirst = false
  #dueTimer: NodeJS.Timeout | undefined
  #dueAt = Number.POSITIVE_INFINITY

  /** `hint`: there may be something to take now. */
  constructor(queue: string, only: TakeRequest['only'], hint: () => void) {
    this.#queue = queue
    this.#only = only
    this.#hint = hint
  }

  /** The next job of that key can be taken. */
  free(key: string): void {
    if (this.#only !== 'unkeyed') this.line.free(key)
  }

  async take(shard: ShardDatabase, request: TakeRequest): Promise<Taken> {
    // Where a million wait for one key, the claim would look at all of them, and be cancelled for it.
    if (this.line.isUnknown(performance.now())) await this.#findKeys(shard)
    const rows: JobRow[] = []
    // In turns, so that a long line of one key does not keep others waiting where there is one hand.
    this.#headsFirst = !this.#headsFirst
    try {
      if (this.#headsFirst) await this.#takeHeads(shard, request, rows)
      if (rows.length < request.max) await this.#takeLine(shard, request, rows)
      if (!this.#headsFirst && rows.length < request.max) await this.#takeHeads(shard, request, rows)
    } catch (error) {
      // What was taken is ours, whatever became of the rest.
      if (rows.length === 0) throw error
    }
    // Behind the claim, which somebody waits for.
    if (this.line.isLookDue(performance.now()))
      this.#looking = this.#looking.then(() => this.#look(shard)).catch(() => {})
    return this.#taken(shard, rows)
  }

  async close(): Promise<void> {
    clearTimeout(this.#dueTimer)
    await this.#looking
  }

  async #takeHeads(shard: ShardDatabase, { max, leaseMs, holder }: TakeRequest, rows: JobRow[]): Promise<void> {
    const keys = this.line.takeFreed(max - rows.length)
    if (keys.length === 0) return
    const values = [this.#queue, keys, leaseMs, holder]
    rows.push(...(await shard.query<JobRow>(takeHeadsStatement, values, primary)))
  }

  async #takeLine(shard: ShardDatabase, request: TakeRequest, rows: JobRow[]): Promise<void> {
    let isBack = false
    for (let round = 0; round < roundsMax; round++) {
      const claim = this.line.next(performance.now(), isBack)
      const wanted = request.max - rows.length
      const answer = await shard.query<TakenRow>(
        takeStatement,
        [
          ...[this.#queue, wanted, request.leaseMs, request.holder, claim.ranks, claim.since, claim.buckets],
          ...[claim.dueSince ?? null, this.#rowsMax(wanted), this.#isKeyed],
        ],
        primary,
      )
      const lastIds = new Map<number, string>()
      const stops = new Map<number, string>()
      const before = rows.length
      let serverNow = Date.now()
      for (const row of answer) {
        if (row.id === null) {
          if (row.rank !== null) stops.set(row.rank, row.body)
          else serverNow = this.#note(row)
          continue
        }
        rows.push(row as JobRow)
        const rank = row.rank as number
        if (!(row.flags & wasDelayedFlag) && row.id > (lastIds.get(rank) ?? '')) lastIds.set(rank, row.id)
      }
      const count = rows.length - before
      this.line.took(claim, count >= wanted, lastIds, stops, serverNow)
      if (count > 0) return
      // Nothing: it may have been committed late; or the rows looked at all wait for their key's turn.
      if (claim.isBack && stops.size === 0) return
      isBack = true
    }
  }

  get #isKeyed(): boolean | null {
    return this.#only === undefined ? null : this.#only === 'keyed'
  }

  #rowsMax(wanted: number): number | null {
    if (this.#only === 'unkeyed') return Math.max(unkeyedRowsMin, 4 * wanted)
    return this.line.hasKeys || this.#only === 'keyed' ? Math.max(rowsMin, 4 * wanted) : null
  }

  /** The mark of a claim's end; answers the server's clock. */
  #note({ now_ms, next_ms }: TakenRow): number {
    if (next_ms !== null) this.#wakeAt(Date.now() + next_ms - now_ms)
    return now_ms
  }

  /** A delayed job is due then. */
  #wakeAt(at: number): void {
    if (at >= this.#dueAt && this.#dueAt > Date.now()) return
    clearTimeout(this.#dueTimer)
    this.#dueAt = at
    const waitMs = Math.min(Math.max(0, at - Date.now()) + 1, 60_000)
    this.#dueTimer = setTimeout(() => {
      this.#dueAt = Number.POSITIVE_INFINITY
      this.#hint()
    }, waitMs)
    this.#dueTimer.unref()
  }

  #taken(shard: ShardDatabase, rows: JobRow[]): Taken {
    // An UPDATE answers in no order of its own.
    rows.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1))
    const taken: Taken = { jobs: [], canceled: [] }
    for (const row of rows) {
      const { id, rank, key, attempt, flags } = row
      if (key !== null) this.line.hasKeys = true
      const job: TakenJob = {
        id,
        home: `${shard.id}/${row.bucket}/${row.lease}/${flags & hasIdFlag}`,
        queue: this.#queue,
        payload: JSON.parse(row.body),
        attempt,
        publishedAt: new Date(timeOf(id)),
        key: key ?? undefined,
        priority: 9 - rank,
        trace: row.trace ?? undefined,
        isSuspect: (flags & isSuspectFlag) !== 0,
      }
      if (flags & isCanceledFlag) taken.canceled.push(job)
      else taken.jobs.push(job)
    }
    return taken
  }

  async #findKeys(shard: ShardDatabase): Promise<void> {
    if (this.#only === undefined && !this.line.hasKeys)
      this.line.hasKeys = (await shard.query(hasKeysStatement, [this.#queue], primary)).length > 0
  }

  async #look(shard: ShardDatabase): Promise<void> {
    await this.#findKeys(shard)
    let { rank, id } = this.#lookFrom ?? { rank: -1, id: lastId }
    this.#lookFrom = undefined
    let hasFound = false
    for (let i = 0; i < looksMax; i++) {
      const values = [this.#queue, rank, id, lookRowsMax, this.#isKeyed]
      const [seen] = await shard.query<LookRow>(lookStatement, values, primary)
      if (!seen) return
      if (seen.due_ms !== null && seen.due_ms < Date.now() - 1000) this.line.rewindLater()
      if (seen.found_rank !== null && seen.found_id !== null) {
        hasFound = this.line.pointTo(seen.found_rank, seen.found_id) || hasFound
        // The rest of this rank comes behind it anyway.
        rank = seen.found_rank
        id = lastId
      } else if (seen.last_rank !== null && seen.last_id !== null) {
        rank = seen.last_rank
        id = seen.last_id
      } else break
      this.#lookFrom = { rank, id }
      if (i < looksMax - 1) this.#lookFrom = undefined
    }
    if (hasFound) this.#hint()
  }
}
