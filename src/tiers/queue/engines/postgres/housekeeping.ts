// What every process that has the engine open does now and then: empties tables whose time has passed, moves what the
// former release left, forgets deduplication ids that are over. Several at once do no harm.

import type { ShardDatabase } from '../../../database/contract.ts'
import { bucketAt, bucketCount } from './job-time.ts'
import { eachShard } from './shards.ts'
import { adoptStatement, clearStatement, forgetIdsStatement } from './statements.ts'

const firstMs = 1000
const intervalMs = 30_000
const rowsMax = 1000
const roundsMax = 1000
/** Tables before and after the one of now are left alone: clocks differ, and a transaction may be open. */
const bucketMs = 300_000
/** Claims wait while a table that is to be emptied is looked through once more, which takes as long as the look before. */
const lookMsMax = 20
const primary = { from: 'primary' } as const

export class Housekeeping {
  readonly #shards: () => readonly ShardDatabase[]
  #timer: NodeJS.Timeout | undefined
  #work: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(shards: () => readonly ShardDatabase[]) {
    this.#shards = shards
    this.#plan(firstMs)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#work
  }

  #plan(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#work = sweep(this.#shards())
        // What a sweep could not do, the next one does.
        .catch(() => {})
        .finally(() => {
          if (!this.#isClosed) this.#plan(intervalMs * (0.75 + Math.random() / 2))
        })
    }, ms)
    this.#timer.unref()
  }
}

/** Once over all shards. */
export function sweep(shards: readonly ShardDatabase[], now = Date.now()): Promise<void> {
  return eachShard(shards, (shard) => sweepOne(shard, now))
}

async function sweepOne(shard: ShardDatabase, now: number): Promise<void> {
  for (let round = 0; round < roundsMax; round++) {
    const [row] = await shard.query<{ moved: number }>(adoptStatement, [rowsMax], primary)
    if (!row || row.moved < rowsMax) break
  }
  for (let round = 0; round < roundsMax; round++) {
    const forgotten = await shard.query(forgetIdsStatement, [rowsMax])
    if (forgotten.length < rowsMax) break
  }
  const isNear = (nr: number) => [-bucketMs, 0, bucketMs].some((ms) => bucketAt(now + ms) === nr)
  for (let nr = 0; nr < bucketCount; nr++) if (!isNear(nr)) await shard.query(clearStatement, [nr, lookMsMax], primary)
}
