// The tables of migrations/0001-objects.sql, as Kysely reads them.

import type { Generated } from 'kysely'

export interface Tables {
  set_elements: { owner: string; row_id: Generated<string>; element: number }
  counters: { owner: string; value: number }
  accounts: { bank: string; account: number; balance: number }
  transfers: { bank: string; row_id: Generated<string>; element: number }
  lists: { list: string; elements: number[] }
}
