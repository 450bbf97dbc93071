// Back to PostgreSQL with everything that is left on the servers, when nobody works there any more.
//
// The stream is read by itself, lane by lane from the first message on, so that jobs whose lease has not ended are moved like
// the others. A job keeps its id, its attempts and failures. It is deleted on the server when it is durable in
// PostgreSQL; a move that was cut off in between is begun anew, and finds by a deduplication id what it had moved.

import { TenfoldError } from '../../../../base/errors.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import { Rotation } from '../postgres/shards.ts'
import { timeOf } from './job-id.ts'
import { Lanes } from './lanes.ts'
import { NatsLink } from './link.ts'
import { type Found, Lookup } from './lookup.ts'
import { type Lane, Names, prioritiesMax } from './names.ts'
import { type KeptNote, Notes } from './notes.ts'
import { defaultPrefix, type JetStreamQueueOptions, jetStreamLimits } from './options.ts'

const batchMax = 200
const connectMsMax = 15_000
/** A message that comes to be stored while it is moved takes one more. */
const roundsMax = 10
/** For so long a job that was moved is not moved again. */
const guardDays = 1

/** $1 ids, $2 queues, $3 ranks, $4 bodies, $5 run at, $6 traces, $7 attempts, $8 failures, $9 times in ms. */
const moveStatement = `
with given as materialized (
  select * from unnest($1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::timestamptz[], $6::text[],
    $7::integer[], $8::text[], $9::float8[])
    as job (id, queue, rank, body, run_at, trace, attempt, failures, published_ms)
), fresh as (
  insert into tenfold.job_ids (queue, deduplication_id, job_id, until)
  select queue, 'moved:' || id, id, now() + interval '${guardDays} day' from given
  on conflict do nothing returning job_id
)
insert into tenfold.queue_jobs (bucket, id, queue, rank, body, run_at, trace, deduplication_id, attempt, failures)
select tenfold.job_bucket(to_timestamp(published_ms / 1000)), id, queue, rank, body, run_at, trace,
  'moved:' || id, attempt, failures::jsonb
from given where id in (select job_id from fresh)`

export type MoveOptions = Pick<JetStreamQueueOptions, 'servers' | 'username' | 'password' | 'shards' | 'log' | 'prefix'>

/** Resolves with how many there were, when the servers have no job any more. May be called again. @throws unavailable */
export async function moveJobsToPostgres(options: MoveOptions): Promise<number> {
  const { servers, username, password, shards, log, prefix = defaultPrefix } = options
  const link = await NatsLink.open({ servers, username, password, log, limits: jetStreamLimits })
  try {
    if (!(await link.whenUp(connectMsMax))) throw new TenfoldError('unavailable', 'no NATS server can be reached')
    return await new Move(link, new Names(prefix), shards, new Notes(shards, log)).run()
  } finally {
    await link.close()
  }
}

class Move {
  readonly #link: NatsLink
  readonly #names: Names
  readonly #shards: () => readonly ShardDatabase[]
  readonly #notes: Notes
  readonly #lookup: Lookup
  readonly #rotation = new Rotation()

  constructor(link: NatsLink, names: Names, shards: () => readonly ShardDatabase[], notes: Notes) {
    this.#link = link
    this.#names = names
    this.#shards = shards
    this.#notes = notes
    this.#lookup = new Lookup(link, names)
  }

  async run(): Promise<number> {
    let moved = 0
    for (let round = 0; round < roundsMax; round++) {
      const left = await this.#left()
      if (left === undefined || left.messages === 0) return moved
      // The stream is there as it is: it is not changed for this.
      const lanes = new Lanes(this.#link, this.#names, { replicas: left.replicas, limits: jetStreamLimits })
      try {
        for (const lane of await lanes.all()) moved += await this.#moveLane(lane)
      } finally {
        lanes.close()
      }
    }
    throw new TenfoldError('unavailable', `jobs still come to the NATS servers after ${moved} were moved`)
  }

  async #left(): Promise<{ messages: number; replicas: number } | undefined> {
    try {
      const { state, config } = await this.#link.manager.streams.info(this.#names.stream)
      return { messages: state.messages, replicas: config.num_replicas }
    } catch (error) {
      if (this.#link.isNotThere(error)) return undefined
      throw new TenfoldError('unavailable', 'NATS did not say what is left', { cause: error })
    }
  }

  async #moveLane(lane: Lane): Promise<number> {
    const handedOut = await this.#lookup.handedOutUpTo(lane)
    let from = 1
    let moved = 0
    for (;;) {
      const batch: Found[] = []
      while (batch.length < batchMax) {
        const found = await this.#lookup.next(lane, from)
        if (!found) break
        batch.push(found)
        from = found.sequence + 1
      }
      if (batch.length === 0) return moved
      await this.#moveBatch(batch, handedOut)
      await Promise.all(batch.map((found) => this.#lookup.delete(found)))
      await this.#notes.drop(batch.map(({ id }) => id))
      moved += batch.length
    }
  }

  async #moveBatch(batch: readonly Found[], handedOut: number): Promise<void> {
    const notes = await this.#notes.read(batch.map(({ id }) => id))
    const all = this.#shards()
    const [turn] = this.#rotation.of(all)
    if (!turn) throw new TenfoldError('unavailable', 'the map has no shard to keep jobs on')
    const byShard = Map.groupBy(batch, ({ written }) => all.find(({ id }) => id === written.uniqueAt) ?? turn)
    await Promise.all(
      [...byShard].map(([shard, its]) => shard.query(moveStatement, this.#columns(its, notes, handedOut))),
    )
  }

  #columns(batch: readonly Found[], notes: ReadonlyMap<string, KeptNote> | undefined, handedOut: number): unknown[] {
    const states = batch.map((found) => this.#lookup.state(found, notes?.get(found.id), found.sequence <= handedOut))
    return [
      states.map(({ id }) => id),
      states.map(({ queue }) => queue),
      states.map(({ priority }) => prioritiesMax - priority),
      states.map(({ payload }) => JSON.stringify(payload)),
      states.map(({ until }) => until ?? null),
      states.map(({ trace }) => trace ?? null),
      states.map(({ attempt }) => attempt),
      states.map(({ failures }) => (failures.length > 0 ? JSON.stringify(failures) : null)),
      states.map(({ id }) => timeOf(id)?.getTime() ?? 0),
    ]
  }
}
