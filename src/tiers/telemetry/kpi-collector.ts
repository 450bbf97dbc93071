// Folds the app's figures in memory and adds them to the database each second and at stop.
//
// A batch is added exactly once although its answer may be lost: it carries its number, and the database knows the last
// number of each process. A batch that failed is sent again, the same one, before newer figures.

import { randomUUID } from 'node:crypto'
import type { BaseLogger } from 'pino'
import { openChannel } from '../../base/channels.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { describeError } from '../../base/errors.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import type { KpiHome } from './contract.ts'
import { activeName } from './kpi.ts'

const flushIntervalMs = 1000
/** Figures kept while the database cannot be reached. Further ones are dropped, counted and logged. */
const pendingMax = 100_000
/** Users known to be written today; forgetting one costs a write that changes nothing. */
const seenMax = 100_000

const channel = openChannel('tenfold:kpi')

interface Batch {
  number: number
  counters: Map<string, { day: string; name: string; value: number }>
  actives: Map<string, { day: string; userId: string }>
}

export interface KpiCollectorOptions {
  /** Asked at each flush, since the map may change what it answers. */
  home(): KpiHome
  log: Pick<BaseLogger, 'warn'>
  clock?: Clock
}

export class KpiCollector extends Lifecycle {
  readonly #options: KpiCollectorOptions
  readonly #clock: Clock
  readonly #source = randomUUID()
  #batch = emptyBatch(1)
  #unsent: Batch | undefined
  #seen = new Set<string>()
  #dropped = 0
  #unsubscribe = () => {}
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined

  constructor(options: KpiCollectorOptions) {
    super()
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Adds what has come so far; rejects when the database cannot be reached, and keeps it. */
  flush(): Promise<void> {
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  protected async open(): Promise<void> {
    this.#unsubscribe = channel.subscribe((message) => this.#take(message))
    this.#timer = setInterval(() => void this.#flushOrWarn(), flushIntervalMs)
    this.#timer.unref()
  }

  protected async close(): Promise<void> {
    this.#unsubscribe()
    clearInterval(this.#timer)
    await this.#sending?.catch(() => {})
    await this.#flushOrWarn()
  }

  #take({ name, value, subject }: { name: string; value: number; subject?: string }): void {
    const day = new Date(this.#clock.now()).toISOString().slice(0, 10)
    if (name === activeName && subject !== undefined) this.#takeActive(day, subject)
    else this.#takeCount(day, name, value)
  }

  #takeCount(day: string, name: string, value: number): void {
    const key = `${day} ${name}`
    const counter = this.#batch.counters.get(key)
    if (counter) counter.value += value
    else if (this.#hasRoom()) this.#batch.counters.set(key, { day, name, value })
  }

  #takeActive(day: string, userId: string): void {
    const key = `${day} ${userId}`
    if (this.#seen.has(key) || !this.#hasRoom()) return
    if (this.#seen.size >= seenMax) this.#seen.clear()
    this.#seen.add(key)
    this.#batch.actives.set(key, { day, userId })
  }

  #hasRoom(): boolean {
    if (this.#batch.counters.size + this.#batch.actives.size < pendingMax) return true
    this.#dropped++
    return false
  }

  async #flushOrWarn(): Promise<void> {
    try {
      await this.flush()
    } catch (error) {
      this.#options.log.warn({ err: error }, `business figures wait in memory: ${describeError(error)}`)
    }
    if (this.#dropped > 0) this.#options.log.warn(`${this.#dropped} business figures were dropped: ${pendingMax} wait`)
    this.#dropped = 0
  }

  async #send(): Promise<void> {
    // The batch that may have been added already goes first, unchanged; then what has come since.
    for (let round = 0; round < 2; round++) {
      if (!this.#unsent) {
        if (this.#batch.counters.size + this.#batch.actives.size === 0) return
        this.#unsent = this.#batch
        this.#batch = emptyBatch(this.#unsent.number + 1)
      }
      await this.#add(this.#unsent)
      this.#unsent = undefined
    }
  }

  async #add({ number, counters, actives }: Batch): Promise<void> {
    const counted = [...counters.values()]
    const active = [...actives.values()]
    await this.#options
      .home()
      .query(addStatement, [
        this.#source,
        number,
        counted.map(({ day }) => day),
        counted.map(({ name }) => name),
        counted.map(({ value }) => value),
        active.map(({ day }) => day),
        active.map(({ userId }) => userId),
      ])
  }
}

function emptyBatch(number: number): Batch {
  return { number, counters: new Map(), actives: new Map() }
}

/** One statement, so that the batch's number and its figures come together or not at all. Sorted, against deadlocks. */
const addStatement = `
with fresh as (
  insert into tenfold.kpi_batch (source, batch, at) values ($1, $2, now())
  on conflict (source) do update set batch = excluded.batch, at = excluded.at where kpi_batch.batch < excluded.batch
  returning 1),
counted as (
  insert into tenfold.kpi_daily (day, name, value)
  select day, name, value from unnest($3::date[], $4::text[], $5::float8[]) as figure (day, name, value)
  where exists (select from fresh) order by day, name
  on conflict (day, name) do update set value = kpi_daily.value + excluded.value),
forgotten as (delete from tenfold.kpi_batch where at < now() - interval '2 days' and source <> $1)
insert into tenfold.kpi_active (day, user_id)
select day, user_id from unnest($6::date[], $7::text[]) as visit (day, user_id)
where exists (select from fresh) order by day, user_id
on conflict do nothing`
