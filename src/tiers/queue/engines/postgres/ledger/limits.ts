// Limits over all processes: counted on the home shard by functions of the database (migrations/0003-ledger.sql), so that a
// grant of many starts is one statement.

import type { Rate } from '../../../contract.ts'
import type { Grant, JobLimits, StartLimits } from '../../../ledger/contract.ts'
import type { LedgerHome } from './home.ts'

const grantStatement =
  'select granted::float8 as count, wait_ms from tenfold.grant_starts($1, $2, $3, $4, $5, $6, $7, $8)'
const keysStatement = 'select key, wait_ms from tenfold.grant_keys($1, $2, $3, $4)'
const releaseStatement = 'delete from tenfold.queue_slots where holder = $1'

export class PostgresLimits implements JobLimits {
  readonly #home: LedgerHome

  constructor(home: LedgerHome) {
    this.#home = home
  }

  async grant(
    request: { queue: string; holder: string; wanted: number; held: number; slotMs: number },
    limits: StartLimits,
  ): Promise<Grant> {
    const { queue, holder, wanted, held, slotMs } = request
    const values = [queue, holder, wanted, held, slotMs, ...valuesOf(limits)]
    const [grant] = await this.#home().query<{ count: number; wait_ms: number }>(grantStatement, values)
    return { count: grant?.count ?? 0, waitMs: grant?.wait_ms ?? 0 }
  }

  async giveBack(
    request: { queue: string; holder: string; unused: number; held: number; slotMs: number },
    limits: StartLimits,
  ): Promise<void> {
    const { unused, held, ...names } = request
    // What is not wanted is taken less than nothing of; the slots then are those that are held.
    await this.grant({ ...names, wanted: -unused, held: held + unused }, limits)
  }

  async grantKeys(queue: string, keys: readonly string[], rate: Rate): Promise<number[]> {
    const rows = await this.#home().query<{ key: string; wait_ms: number }>(keysStatement, [
      queue,
      keys,
      rate.count,
      rate.perMs,
    ])
    const waits = new Map(rows.map(({ key, wait_ms }) => [key, wait_ms]))
    return keys.map((key) => waits.get(key) ?? 0)
  }

  async release(holder: string): Promise<void> {
    await this.#home().query(releaseStatement, [holder])
  }
}

function valuesOf({ concurrencyMax, rate }: StartLimits): Array<number | null> {
  return [concurrencyMax ?? null, rate?.count ?? null, rate?.perMs ?? null]
}
