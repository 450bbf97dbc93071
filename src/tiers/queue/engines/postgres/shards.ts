// Which shard keeps a job: any, turn by turn, or the one that its deduplication id names.

import { TenfoldError } from '../../../../base/errors.ts'
import type { ShardDatabase } from '../../../database/contract.ts'
import type { TakenJob } from '../../contract.ts'

/** Starts with another shard each time, so that none is always the last to be asked. */
export class Rotation {
  #next = 0

  of<T>(items: readonly T[]): T[] {
    const start = this.#next++ % Math.max(1, items.length)
    return [...items.slice(start), ...items.slice(0, start)]
  }
}

/** One id always goes to one shard, or its second job would not meet the first. */
export function shardFor(
  all: readonly ShardDatabase[],
  deduplicationId: string | undefined,
  rotation: Rotation,
): ShardDatabase {
  const shard = deduplicationId === undefined ? rotation.of(all)[0] : all[sumOf(deduplicationId) % all.length]
  if (!shard) throw new TenfoldError('unavailable', 'the map has no shard to keep jobs on')
  return shard
}

/** `home` of a taken job is `<shard>/<lease>`. */
export function homeOf(job: TakenJob, all: readonly ShardDatabase[]): { shard: ShardDatabase; lease: string } {
  const slash = job.home.lastIndexOf('/')
  const id = job.home.slice(0, slash)
  const shard = all.find((candidate) => candidate.id === id)
  if (!shard) throw new TenfoldError('unavailable', `job ${job.id} lives on shard ${id}, which the map does not have`)
  return { shard, lease: job.home.slice(slash + 1) }
}

function sumOf(text: string): number {
  let sum = 0
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) >>> 0
  return sum
}
