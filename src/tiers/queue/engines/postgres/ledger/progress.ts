// How far jobs are, as their handlers said.

import type { Payload } from '../../../contract.ts'
import type { JobProgress } from '../../../ledger/contract.ts'
import type { LedgerHome } from './home.ts'

// In the order of their ids, so that two processes never wait for each other.
const setStatement = `
insert into tenfold.job_progress (id, value)
select id, value::json from unnest($1::text[], $2::text[]) as said (id, value) order by id
on conflict (id) do update set value = excluded.value, at = now()`
const getStatement = 'select value from tenfold.job_progress where id = $1'
const clearStatement = 'delete from tenfold.job_progress where id = any($1::text[])'

export class PostgresProgress implements JobProgress {
  readonly #home: LedgerHome

  constructor(home: LedgerHome) {
    this.#home = home
  }

  async set(values: ReadonlyArray<{ id: string; value: number | Payload }>): Promise<void> {
    const byId = new Map(values.map(({ id, value }) => [id, JSON.stringify(value)]))
    await this.#home().query(setStatement, [[...byId.keys()], [...byId.values()]])
  }

  async get(id: string): Promise<unknown> {
    return (await this.#home().query<{ value: unknown }>(getStatement, [id]))[0]?.value
  }

  async clear(ids: readonly string[]): Promise<void> {
    await this.#home().query(clearStatement, [ids])
  }
}
