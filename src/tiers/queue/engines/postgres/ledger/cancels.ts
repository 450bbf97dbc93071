// Jobs that were asked to stop, until whoever runs them has heard.

import type { JobCancels } from '../../../ledger/contract.ts'
import type { LedgerHome } from './home.ts'

const askStatement = 'insert into tenfold.job_cancels (id) values ($1) on conflict (id) do update set at = now()'
const amongStatement = 'select id from tenfold.job_cancels where id = any($1::text[])'
const clearStatement = 'delete from tenfold.job_cancels where id = any($1::text[])'

export class PostgresCancels implements JobCancels {
  readonly #home: LedgerHome

  constructor(home: LedgerHome) {
    this.#home = home
  }

  async ask(id: string): Promise<void> {
    await this.#home().query(askStatement, [id])
  }

  async among(ids: readonly string[]): Promise<string[]> {
    return (await this.#home().query<{ id: string }>(amongStatement, [ids])).map(({ id }) => id)
  }

  async clear(ids: readonly string[]): Promise<void> {
    await this.#home().query(clearStatement, [ids])
  }
}
