// The dead, with their reasons: on every shard, since the engine of this database buries where a job lived. What another
// engine gives up is buried on the home shard.

import type { JobFailure, Payload } from '../../../contract.ts'
import type { DeadLetter, DeadLetterPage, DeadLetters } from '../../../ledger/contract.ts'
import type { LedgerHome, Shards } from './home.ts'

const pageMax = 1000

const columns = `id, queue, rank, key, body, attempt, published_at, died_at,
  to_char(died_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US') as died_text, reason, trace, failures`

/** $1 queue or null, $2 and $3 the place of the last one of the page before, or nulls, $4 limit. */
const listStatement = `
select ${columns} from tenfold.dead_jobs
where ($1::text is null or queue = $1) and ($2::timestamp is null or (died_at, id) < ($2::timestamp at time zone 'utc', $3::uuid))
order by died_at desc, id desc limit $4`
const findStatement = `select ${columns} from tenfold.dead_jobs where id = any($1::uuid[])`
const dropStatement = 'delete from tenfold.dead_jobs where id = any($1::uuid[]) returning id'

const buryStatement = `
insert into tenfold.dead_jobs (id, queue, rank, key, body, attempt, published_at, died_at, reason, trace, failures)
select id, queue, rank, key, body, attempt, published_at, died_at, reason, trace, failures
from unnest($1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::text[], $6::integer[], $7::timestamptz[],
  $8::timestamptz[], $9::text[], $10::text[], $11::jsonb[])
  as letter (id, queue, rank, key, body, attempt, published_at, died_at, reason, trace, failures)
order by id
on conflict (id) do nothing`

interface Row {
  id: string
  queue: string
  rank: number
  key: string | null
  body: string
  attempt: number
  published_at: Date
  died_at: Date
  /** With its microseconds, which a Date has not. */
  died_text: string
  reason: string
  trace: string | null
  failures: Array<{ attempt: number; at: string; reason: string; holder: string | null }> | null
}

export class PostgresDeadLetters implements DeadLetters {
  readonly #shards: Shards
  readonly #home: LedgerHome

  constructor(shards: Shards, home: LedgerHome) {
    this.#shards = shards
    this.#home = home
  }

  async bury(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return
    await this.#home().query(buryStatement, [
      letters.map(({ id }) => id),
      letters.map(({ queue }) => queue),
      letters.map(({ priority }) => 9 - priority),
      letters.map(({ key }) => key ?? null),
      letters.map(({ payload }) => JSON.stringify(payload)),
      letters.map(({ attempt }) => attempt),
      letters.map(({ publishedAt }) => publishedAt),
      letters.map(({ diedAt }) => diedAt),
      letters.map(({ reason }) => reason),
      letters.map(({ trace }) => trace ?? null),
      letters.map(({ failures }) => JSON.stringify(failures)),
    ])
  }

  async list({ queue, limit, before }: { queue?: string; limit: number; before?: string }): Promise<DeadLetterPage> {
    const count = Math.max(1, Math.min(Math.trunc(limit), pageMax))
    const [diedAt = null, id = null] = before === undefined ? [] : before.split('/')
    const rows = await this.#onAll<Row>(listStatement, [queue ?? null, diedAt, id, count + 1])
    // As the database orders them: by time, then by id.
    rows.sort((a, b) => compare(b.died_text, a.died_text) || compare(b.id, a.id))
    const page = rows.slice(0, count)
    const last = page.at(-1)
    return {
      letters: page.map(letterOf),
      next: rows.length > count && last ? `${last.died_text}/${last.id}` : undefined,
    }
  }

  async find(ids: readonly string[]): Promise<DeadLetter[]> {
    return (await this.#onAll<Row>(findStatement, [ids])).map(letterOf)
  }

  async drop(ids: readonly string[]): Promise<number> {
    return (await this.#onAll(dropStatement, [ids])).length
  }

  async #onAll<T>(statement: string, values: readonly unknown[]): Promise<T[]> {
    return (await Promise.all(this.#shards().map((shard) => shard.query<T>(statement, values)))).flat()
  }
}

function letterOf(row: Row): DeadLetter {
  const { id, queue, rank, key, body, attempt, published_at, died_at, reason, trace, failures } = row
  return {
    ...{ id, queue, attempt, reason },
    payload: JSON.parse(body) as Payload,
    publishedAt: published_at,
    diedAt: died_at,
    key: key ?? undefined,
    priority: 9 - rank,
    trace: trace ?? undefined,
    failures: (failures ?? []).map(
      (each): JobFailure => ({ ...each, at: new Date(each.at), holder: each.holder ?? undefined }),
    ),
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
