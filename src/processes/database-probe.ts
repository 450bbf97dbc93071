// Was the database reached lately? Asked in the background, so that a health check never waits for a connection.
// A shard whose primary is gone and whose replicas answer still serves readers: nobody is sent away from it.

import type { Clock } from '../base/clock.ts'
import { systemClock } from '../base/clock.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import type { Database, ShardDatabase } from '../tiers/database/contract.ts'

const intervalMs = 2000
/** Longer than a primary may take to move: a web server that holds its requests back is not one that is ill. */
const silenceMsMax = 30_000

export class DatabaseProbe extends Lifecycle {
  readonly #database: Pick<Database<unknown>, 'shards'>
  readonly #clock: Clock
  #answeredAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<void> | undefined

  constructor(database: Pick<Database<unknown>, 'shards'>, clock: Clock = systemClock) {
    super()
    this.#database = database
    this.#clock = clock
  }

  /** Why no request should come, or undefined. */
  get trouble(): string | undefined {
    const silentMs = this.#clock.monotonic() - this.#answeredAt
    return silentMs > silenceMsMax ? 'the database does not answer' : undefined
  }

  protected async open(): Promise<void> {
    await this.#ask()
    this.#timer = setInterval(() => void this.#askAgain(), intervalMs)
    this.#timer.unref()
  }

  protected async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#asking
  }

  async #ask(): Promise<void> {
    await Promise.all(this.#database.shards().map(askAnyone))
    this.#answeredAt = this.#clock.monotonic()
  }

  #askAgain(): Promise<void> {
    this.#asking ??= this.#ask()
      .catch(() => {}) // the silence grows
      .finally(() => {
        this.#asking = undefined
      })
    return this.#asking
  }
}

/** @throws what the primary's own failure was. */
async function askAnyone(shard: Pick<ShardDatabase, 'query'>): Promise<void> {
  const primary = shard.query('select 1')
  await Promise.any([primary, shard.query('select 1', [], { from: 'replica' })]).catch(() => primary)
}
