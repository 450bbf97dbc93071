// Which shard keeps a job: any, turn by turn, or the one that its key or its deduplication id names.

import { describeError, isTenfoldError, TenfoldError } from '../../../../base/errors.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import type { NewJob, TakenJob } from '../../contract.ts'

/** Starts with another shard each time, so that none is always the last to be asked. */
export class Rotation {
  #next = 0

  of<T>(items: readonly T[]): T[] {
    const start = this.#next++ % Math.max(1, items.length)
    return [...items.slice(start), ...items.slice(0, start)]
  }
}

const askMs = 500

/** Leaves out shards that failed lately, until they answer again: what lies on the others does not wait for them. */
export class SoundShards {
  /** Those that failed: when they were asked last, and whether they still are. */
  readonly #doubtful = new Map<string, { askedAt: number; isAsked: boolean }>()

  /** All of them, when none is sound. */
  of(all: readonly ShardDatabase[]): readonly ShardDatabase[] {
    if (this.#doubtful.size === 0) return all
    for (const shard of all) this.#ask(shard)
    const sound = all.filter(({ id }) => !this.#doubtful.has(id))
    return sound.length > 0 ? sound : all
  }

  failed({ id }: ShardDatabase): void {
    if (!this.#doubtful.has(id)) this.#doubtful.set(id, { askedAt: Number.NEGATIVE_INFINITY, isAsked: false })
  }

  answered({ id }: ShardDatabase): void {
    this.#doubtful.delete(id)
  }

  #ask(shard: ShardDatabase): void {
    const doubt = this.#doubtful.get(shard.id)
    if (!doubt || doubt.isAsked || performance.now() - doubt.askedAt < askMs) return
    doubt.isAsked = true
    doubt.askedAt = performance.now()
    shard.query('select 1', [], { from: 'primary' }).then(
      () => this.answered(shard),
      () => {
        doubt.isAsked = false
      },
    )
  }
}

/** What can be done on one shard does not wait for another. Rejects with the first failure, when all have answered. */
export async function eachShard(
  shards: readonly ShardDatabase[],
  work: (shard: ShardDatabase) => Promise<void>,
): Promise<void> {
  const answers = await Promise.allSettled(shards.map(work))
  for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
}

/**
 * The parts of one write, each on a shard of its own. @throws outcome-unknown when only some of them may be stored: whoever
 * gave them gets one answer for all.
 */
export async function allParts(parts: ReadonlyArray<Promise<void>>): Promise<void> {
  const answers = await Promise.allSettled(parts)
  const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []))
  const [cause] = failures
  if (failures.length === 0) return
  if (failures.length === parts.length && !failures.some((each) => isTenfoldError(each, 'outcome-unknown'))) throw cause
  const what = `${failures.length} of ${parts.length} shards did not take their part, the others may have: ${describeError(cause)}`
  throw new TenfoldError('outcome-unknown', what, { cause })
}

/** One id or key always goes to one shard, or its second job would not meet the first. */
export function shardFor(
  all: readonly ShardDatabase[],
  { options }: NewJob,
  turn: ShardDatabase | undefined,
): ShardDatabase {
  const name = options.key ?? options.deduplicationId
  const shard = name === undefined ? turn : all[sumOf(name) % all.length]
  if (!shard) throw new TenfoldError('unavailable', 'the map has no shard to keep jobs on')
  return shard
}

export interface Home {
  job: TakenJob
  shard: ShardDatabase
  bucket: number
  lease: number
  /** Its end frees its key's turn or its deduplication id. */
  isNamed: boolean
}

/** `home` of a taken job is `<shard>/<table>/<lease>/<whether it has a deduplication id>`. */
export function homeOf(job: TakenJob, all: readonly ShardDatabase[]): Home {
  const [id, bucket, lease, hasId] = job.home.split('/')
  const shard = all.find((candidate) => candidate.id === id)
  if (!shard) throw new TenfoldError('unavailable', `job ${job.id} lives on shard ${id}, which the map does not have`)
  return {
    job,
    shard,
    bucket: Number(bucket),
    lease: Number(lease),
    isNamed: isNamed(job, hasId),
  }
}

/** The end of a job with a deduplication id waits for an open transaction that publishes the same id: the others do not wait with it. */
export function placeOf(job: TakenJob): string {
  const [shard, , , hasId] = job.home.split('/')
  return isNamed(job, hasId) ? `${shard}/named` : `${shard}/plain`
}

function isNamed({ key }: TakenJob, hasId: string | undefined): boolean {
  return key !== undefined || hasId !== '0'
}

function sumOf(text: string): number {
  let sum = 0
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) >>> 0
  return sum
}
