// The queue inside PostgreSQL: tables on each shard, so that publishing belongs to the caller's transaction.

import { fileURLToPath } from 'node:url'
import { CompiledQuery, type QueryExecutorProvider } from 'kysely'
import { TenfoldError } from '../../../../base/errors.ts'
import type { CommitNotice, ShardDatabase } from '../../../database/contract.ts'
import type { JobState, NewJob, Published, QueueEngine, TakenJob, TakeRequest } from '../../contract.ts'
import { Claims } from './claims.ts'
import { type DepthRow, sumByQueue } from './depth.ts'
import { Housekeeping } from './housekeeping.ts'
import { timeOf } from './job-time.ts'
import type { ListenPlace } from './listener.ts'
import { allParts, eachShard, type Home, homeOf, placeOf, Rotation, SoundShards, shardFor } from './shards.ts'
import * as statements from './statements.ts'
import { type News, WakeUps } from './wake-ups.ts'

/** SQL files of this engine, run on every shard before it is opened. */
export const postgresQueueMigrations = fileURLToPath(new URL('migrations', import.meta.url))

const depthRowsMax = 100_000
/** Of each rank of a queue, and of its delayed jobs: what processes hold lies in front of what waits. */
const releaseRowsMax = 20_000
/** Queues that this process has taken of, or heard of; more than that are forgotten, and begun anew. */
const linesMax = 10_000
const primary = { from: 'primary' } as const

type StateRow = Pick<JobState, 'id' | 'queue' | 'state' | 'attempt'> & {
  rank: number
  key: string | null
  body: string
  trace: string | null
  failures: Array<{ attempt: number; at: string; reason: string; holder: string | null }>
  holder: string | null
  until: Date | null
}

interface PostgresQueueOptions {
  /** Where other processes' publishes are heard of at once. Without it, workers find them when they look. */
  listen?: ListenPlace
  /** Shared with whatever else wakes processes; without it one of its own, from `listen`. */
  wakeUps?: WakeUps
}

/** `shards` is asked at each call, since the map may change what it answers. */
export function openPostgresQueue(
  shards: () => readonly ShardDatabase[],
  { listen, wakeUps = new WakeUps(shards, listen) }: PostgresQueueOptions = {},
): QueueEngine {
  return new PostgresQueue(shards, wakeUps)
}

class PostgresQueue implements QueueEngine {
  readonly #shards: () => readonly ShardDatabase[]
  readonly #rotation = new Rotation()
  readonly #sound = new SoundShards()
  /** `<shard>/<queue>` to those of each filter. */
  readonly #claims = new Map<string, Map<TakeRequest['only'], Claims>>()
  readonly #wakeUps: WakeUps
  readonly #housekeeping: Housekeeping
  readonly #watchers = new Set<(queue: string) => void>()

  constructor(shards: () => readonly ShardDatabase[], wakeUps: WakeUps) {
    this.#shards = shards
    this.#wakeUps = wakeUps
    this.#housekeeping = new Housekeeping(shards)
  }

  async publish(jobs: readonly NewJob[]): Promise<Published[]> {
    const all = this.#shards()
    // Those without a key or an id of one batch go to one shard together: one statement, and in order.
    const [turn] = this.#rotation.of(all)
    if (all.length === 1 && turn) return this.#publishOn(turn, jobs)
    const published: Published[] = new Array(jobs.length)
    const byShard = Map.groupBy(jobs.keys(), (i) => shardFor(all, jobs[i] as NewJob, turn))
    await allParts(
      [...byShard].map(async ([shard, numbers]) => {
        const its = await this.#publishOn(
          shard,
          numbers.map((i) => jobs[i] as NewJob),
        )
        for (const [n, number] of numbers.entries()) published[number] = its[n] as Published
      }),
    )
    return published
  }

  async #publishOn(shard: ShardDatabase, jobs: readonly NewJob[]): Promise<Published[]> {
    const { text, values } = publishQuery(jobs)
    const news = newsOf(jobs)
    const followUp = this.#wakeUps.along(news)
    const published = publishedOf(await shard.query(text, values, followUp && { followUp }), jobs)
    this.#tell(followUp ? [] : [shard.id], news)
    return published
  }

  async publishIn(tx: QueryExecutorProvider, jobs: readonly NewJob[]): Promise<Published[]> {
    const { text, values } = publishQuery(jobs)
    const executor = tx.getExecutor()
    const { rows } = await executor.executeQuery(CompiledQuery.raw(text, values))
    // Which shard it was the transaction knows, not we. An executor that a plugin made tells nobody of its commit.
    const tell = () =>
      this.#tell(
        this.#shards().map(({ id }) => id),
        newsOf(jobs),
      )
    if ('afterCommit' in executor) (executor as unknown as CommitNotice).afterCommit(tell)
    return publishedOf(rows, jobs)
  }

  async take(request: TakeRequest): Promise<TakenJob[]> {
    const taken: TakenJob[] = []
    let failure: { error: unknown } | undefined
    for (const shard of this.#rotation.of(this.#sound.of(this.#shards()))) {
      const max = request.max - taken.length
      if (max <= 0) break
      try {
        const { jobs, canceled } = await this.#claimsFor(shard.id, request).take(shard, { ...request, max })
        taken.push(...jobs)
        this.#sound.answered(shard)
        if (canceled.length > 0) await this.done(canceled)
      } catch (error) {
        this.#sound.failed(shard)
        failure ??= { error }
      }
    }
    // Those of other shards are ours: forgotten here, they would wait for their leases' end and be suspects then.
    if (taken.length === 0 && failure) throw failure.error
    return taken
  }

  placeOf(job: TakenJob): string {
    return placeOf(job)
  }

  async renew(jobs: readonly TakenJob[], leaseMs: number): ReturnType<QueueEngine['renew']> {
    const kept = new Map<string, { is_canceled: boolean }>()
    await this.#each(jobs, async (shard, homes) => {
      const values = [...columnsOf(homes), leaseMs]
      const rows = await shard.query<{ id: string; is_canceled: boolean }>(statements.renewStatement, values, primary)
      for (const row of rows) kept.set(row.id, row)
    })
    return jobs.flatMap((job) => {
      const row = kept.get(job.id)
      if (row && !row.is_canceled) return []
      return [{ job, why: row ? ('canceled' as const) : ('lost' as const) }]
    })
  }

  async done(jobs: readonly TakenJob[]): Promise<void> {
    await this.#each(jobs, async (shard, homes) => {
      const plain = homes.filter(({ isNamed }) => !isNamed)
      const named = homes.filter(({ isNamed }) => isNamed)
      const finish = (text: string, its: Home[]) =>
        its.length > 0 ? shard.query(text, columnsOf(its), primary) : undefined
      await Promise.all([finish(statements.finishStatement, plain), finish(statements.finishNamedStatement, named)])
      this.#free(shard, named)
    })
  }

  async retry(job: TakenJob, delayMs: number, reason: string, refund = false): Promise<void> {
    const { shard, bucket, lease } = homeOf(job, this.#shards())
    await shard.query(statements.retryStatement, [bucket, job.id, lease, delayMs, reason, refund], primary)
    if (delayMs > 0) return
    for (const { line } of this.#claimsOf(shard.id, job.queue)) line.rewind()
    this.#tell([shard.id], [{ queue: job.queue, rank: 9 - job.priority }])
  }

  dead(job: TakenJob, reason: string): Promise<void> {
    return this.#each([job], async (shard, homes) => {
      await shard.query(statements.buryStatement, [...columnsOf(homes), [reason]], primary)
      this.#free(shard, homes)
    })
  }

  async release(holder: string): Promise<number> {
    let count = 0
    await eachShard(this.#shards(), async (shard) => {
      const values = [holder, releaseRowsMax]
      const rows = await shard.query<{ queue: string }>(statements.releaseStatement, values, primary)
      count += rows.length
      for (const queue of new Set(rows.map((row) => row.queue))) {
        for (const { line } of this.#claimsOf(shard.id, queue)) line.rewind()
        for (const watcher of this.#watchers) watcher(queue)
      }
    })
    return count
  }

  async cancel(queue: string, id: string): ReturnType<QueueEngine['cancel']> {
    if (!isUuid(id)) return 'unknown'
    for (const shard of this.#shards()) {
      const [row] = await shard.query<{ answer: 'canceled' | 'asked' | 'unknown' }>(
        statements.cancelStatement,
        [queue, id],
        primary,
      )
      if (row && row.answer !== 'unknown') return row.answer
    }
    return 'unknown'
  }

  async job(queue: string, id: string): Promise<JobState | undefined> {
    if (!isUuid(id)) return undefined
    for (const shard of this.#shards()) {
      const [row] = await shard.query<StateRow>(statements.jobStatement, [queue, id], primary)
      if (row) return stateOf(row)
    }
    return undefined
  }

  async depth(): ReturnType<QueueEngine['depth']> {
    const answers = await Promise.all(
      this.#shards().map((shard) => shard.query<DepthRow>(statements.depthStatement, [depthRowsMax], primary)),
    )
    return sumByQueue(answers.flat())
  }

  watch(hint: (queue: string) => void): { close(): Promise<void> } {
    this.#watchers.add(hint)
    const heard = this.#wakeUps.watch((queue, rank) => {
      if (queue !== undefined) {
        if (rank !== undefined) this.#note(queue, rank)
        return hint(queue)
      }
      for (const name of new Set([...this.#claims.keys()].map((key) => key.slice(key.indexOf('/') + 1)))) hint(name)
    })
    return {
      close: async () => {
        this.#watchers.delete(hint)
        await heard.close()
      },
    }
  }

  async close(): Promise<void> {
    await Promise.all([
      this.#housekeeping.close(),
      this.#wakeUps.close(),
      ...[...this.#claims.values()].flatMap((some) => [...some.values()]).map((claims) => claims.close()),
    ])
    this.#claims.clear()
  }

  /** `work` for each shard that has some of them. */
  async #each(jobs: readonly TakenJob[], work: (shard: ShardDatabase, homes: Home[]) => Promise<void>): Promise<void> {
    const all = this.#shards()
    const byShard = Map.groupBy(
      jobs.map((job) => homeOf(job, all)),
      ({ shard }) => shard,
    )
    await Promise.all([...byShard].map(([shard, homes]) => work(shard, homes)))
  }

  /** Processes that listen there, and whoever waits here. */
  #tell(shardIds: readonly string[], news: readonly News[]): void {
    for (const each of news) {
      this.#note(each.queue, each.rank)
      this.#wakeUps.tell(shardIds, each)
    }
  }

  /** Jobs of that rank come: the lines that are open look for it. */
  #note(queue: string, rank: number): void {
    for (const { id } of this.#shards()) for (const { line } of this.#claimsOf(id, queue)) line.pointTo(rank, undefined)
  }

  #free(shard: ShardDatabase, homes: readonly Home[]): void {
    for (const { job } of homes)
      if (job.key !== undefined) for (const claims of this.#claimsOf(shard.id, job.queue)) claims.free(job.key)
  }

  /** As far as somebody took of it here; who comes later begins at the front. */
  #claimsOf(shardId: string, queue: string): Iterable<Claims> {
    return this.#claims.get(`${shardId}/${queue}`)?.values() ?? []
  }

  #claimsFor(shardId: string, { queue, only }: TakeRequest): Claims {
    const name = `${shardId}/${queue}`
    let some = this.#claims.get(name)
    if (!some) {
      if (this.#claims.size >= linesMax) this.#forgetOne()
      some = new Map()
      this.#claims.set(name, some)
    }
    let claims = some.get(only)
    if (!claims) {
      claims = new Claims(queue, only, () => {
        for (const watcher of this.#watchers) watcher(queue)
      })
      some.set(only, claims)
    }
    return claims
  }

  #forgetOne(): void {
    const [oldest] = this.#claims
    if (!oldest) return
    this.#claims.delete(oldest[0])
    for (const claims of oldest[1].values()) void claims.close()
  }
}

/** Of the lines that the jobs come to. */
function newsOf(jobs: readonly NewJob[]): News[] {
  const news: News[] = []
  for (const { queue, options } of jobs) {
    const rank = 9 - (options.priority ?? 0)
    const last = news.at(-1)
    if (last?.queue !== queue || last.rank !== rank) news.push({ queue, rank })
  }
  return news
}

function publishQuery(jobs: readonly NewJob[]): { text: string; values: unknown[] } {
  const values: unknown[] = [
    jobs.map((job) => job.queue),
    jobs.map((job) => job.body),
    jobs.map((job) => 9 - (job.options.priority ?? 0)),
    jobs.map((job) => job.options.key ?? null),
    jobs.map((job) => job.options.delayMs ?? 0),
    jobs.map((job) => job.trace ?? null),
  ]
  if (jobs.every((job) => job.options.deduplicationId === undefined))
    return { text: statements.publishStatement, values }
  values.push(
    jobs.map((job) => job.options.deduplicationId ?? null),
    jobs.map((job) => job.options.deduplicationWindowMs ?? 0),
  )
  return { text: statements.publishNamedStatement, values }
}

function publishedOf(rows: readonly unknown[], jobs: readonly NewJob[]): Published[] {
  if (rows.length !== jobs.length)
    throw new TenfoldError('outcome-unknown', `a publish of ${jobs.length} jobs was answered with ${rows.length} rows`)
  return (rows as Array<{ id: string; is_new?: boolean }>).map(({ id, is_new = true }) => ({ id, isNew: is_new }))
}

function columnsOf(homes: readonly Home[]): unknown[] {
  return [homes.map(({ bucket }) => bucket), homes.map(({ job }) => job.id), homes.map(({ lease }) => lease)]
}

function stateOf(row: StateRow): JobState {
  const { id, queue, state, attempt } = row
  return {
    id,
    queue,
    state,
    attempt,
    publishedAt: new Date(timeOf(id)),
    key: row.key ?? undefined,
    priority: 9 - row.rank,
    trace: row.trace ?? undefined,
    payload: JSON.parse(row.body),
    until: row.until ?? undefined,
    holder: row.holder ?? undefined,
    failures: row.failures.map((failure) => ({
      attempt: failure.attempt,
      at: new Date(failure.at),
      reason: failure.reason,
      holder: failure.holder ?? undefined,
    })),
  }
}

function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)
}
