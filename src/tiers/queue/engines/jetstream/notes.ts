// Notes of jobs that came back, in PostgreSQL: attempts that do not count, failures with their reasons.
//
// The server counts how often it handed a message out, and that is all it keeps. Notes are best effort: without one, an attempt
// that was given back counts, and a reason is missing. Written in batches; while one is being written, the next gathers.

import type { BaseLogger } from 'pino'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import { withTimeout } from '../../../../base/limits.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import type { JobFailure } from '../../contract.ts'

const noteMsMax = 2000
const batchMax = 500
const pendingMax = 20_000
/** Kept of a job: the newest. */
export const failuresMax = 10
/** A note that nobody asked for in so long belongs to a job that is gone. */
const keepDays = 30

/** $1 ids, $2 queues, $3 deliveries, $4 refunds, $5 delays in ms, $6 failures as JSON or nulls. */
const writeStatement = `
insert into tenfold.job_notes as note (id, queue, deliveries, refunds, run_at, failures)
select id, queue, deliveries, refunds, clock_timestamp() + delay_ms * interval '1 ms',
  case when failure is null then '[]'::jsonb else jsonb_build_array(failure::jsonb) end
from unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::float8[], $6::text[])
  as said (id, queue, deliveries, refunds, delay_ms, failure) order by id
on conflict (id) do update set deliveries = excluded.deliveries, refunds = note.refunds + excluded.refunds,
  run_at = excluded.run_at, at = now(),
  failures = (select coalesce(jsonb_agg(kept.failure order by kept.n), '[]') from (
    select failure, n from jsonb_array_elements(note.failures || excluded.failures) with ordinality as each (failure, n)
    order by n desc limit ${failuresMax}) as kept)
where note.deliveries < excluded.deliveries`

const readStatement = `
select id, deliveries, refunds, run_at, failures from tenfold.job_notes where id = any($1::text[])`
const dropStatement = 'delete from tenfold.job_notes where id = any($1::text[])'
const sweepStatement = `
delete from tenfold.job_notes where id = any(array(
  select id from tenfold.job_notes where at < now() - $1 * interval '1 day' limit 1000))`
const delayedStatement = `
select queue, count(*)::integer as delayed from tenfold.job_notes where run_at > clock_timestamp() group by queue`

export interface Note {
  id: string
  queue: string
  deliveries: number
  refunds: number
  delayMs: number
  failure: JobFailure | undefined
}

export interface KeptNote {
  deliveries: number
  refunds: number
  runAt: Date
  failures: JobFailure[]
}

interface NoteRow {
  id: string
  deliveries: number
  refunds: number
  run_at: Date
  failures: Array<Omit<JobFailure, 'at' | 'holder'> & { at: string; holder: string | null }>
}

export class Notes {
  readonly #shards: () => readonly ShardDatabase[]
  readonly #log: Pick<BaseLogger, 'warn'>
  #pending: Array<{ note: Note; done(): void }> = []
  #isWriting = false

  constructor(shards: () => readonly ShardDatabase[], log: Pick<BaseLogger, 'warn'>) {
    this.#shards = shards
    this.#log = log
  }

  /** Resolves when it is kept, or could not be. */
  write(note: Note): Promise<void> {
    if (this.#pending.length >= pendingMax) return Promise.resolve()
    return new Promise((done) => {
      this.#pending.push({ note, done })
      if (!this.#isWriting) void this.#writeAll()
    })
  }

  /** Those that are kept, by id; undefined when they cannot be read now. */
  async read(ids: readonly string[]): Promise<ReadonlyMap<string, KeptNote> | undefined> {
    if (ids.length === 0) return new Map()
    const rows = await this.#try(() => this.#home.query<NoteRow>(readStatement, [ids]), 'read')
    return rows && new Map(rows.map((row) => [row.id, keptNoteOf(row)]))
  }

  async drop(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#try(() => this.#home.query(dropStatement, [ids]), 'deleted')
  }

  /** Jobs that wait for their next attempt, by queue. */
  async delayed(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#home.query<{ queue: string; delayed: number }>(delayedStatement)
    return new Map(rows.map(({ queue, delayed }) => [queue, delayed]))
  }

  async sweep(): Promise<void> {
    await this.#try(() => this.#home.query(sweepStatement, [keepDays]), 'swept')
  }

  get #home(): ShardDatabase {
    const [home] = this.#shards()
    if (!home) throw new TenfoldError('unavailable', 'the map has no shard to keep notes of jobs on')
    return home
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, batchMax)
      // Two of one job in one statement would be refused.
      const notes = [...new Map(batch.map(({ note }) => [note.id, note])).values()]
      const values = [
        notes.map(({ id }) => id),
        notes.map(({ queue }) => queue),
        notes.map(({ deliveries }) => deliveries),
        notes.map(({ refunds }) => refunds),
        notes.map(({ delayMs }) => delayMs),
        notes.map(({ failure }) => failure && JSON.stringify(failure)),
      ]
      await this.#try(() => this.#home.query(writeStatement, values), 'written')
      for (const { done } of batch) done()
    }
    this.#isWriting = false
  }

  async #try<T>(work: () => Promise<T>, what: string): Promise<T | undefined> {
    try {
      return await withTimeout(work(), noteMsMax, 'notes of jobs')
    } catch (error) {
      this.#log.warn({ err: error }, `notes of jobs could not be ${what}: ${describeError(error)}`)
      return undefined
    }
  }
}

function keptNoteOf({ deliveries, refunds, run_at, failures }: NoteRow): KeptNote {
  return {
    deliveries,
    refunds,
    runAt: run_at,
    failures: failures.map(({ at, holder, ...rest }) => ({ ...rest, at: new Date(at), holder: holder ?? undefined })),
  }
}
