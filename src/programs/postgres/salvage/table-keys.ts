// Which columns tell the rows of each table apart in the log: those of its replica identity.

import type { Client } from 'pg'
import type { TableName } from './test-decoding.ts'

export interface TableKey {
  /** Empty: nothing tells its rows apart. */
  columns: string[]
  /** An update or a delete says which row it met. */
  isLogged: boolean
}

/**
 * REPLICA IDENTITY FULL logs the whole old row, of which the primary key is a part. With NOTHING a new row can still be
 * told by its primary key, but what is updated or deleted cannot: the log does not say. Nor does it for a primary key
 * that is deferrable.
 */
const keysQuery = `
  SELECT n.nspname AS schema, c.relname AS name, c.relreplident <> 'n' AND coalesce(i.indimmediate, false) AS logged,
    ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) k JOIN pg_attribute a
      ON a.attrelid = c.oid AND a.attnum = k ORDER BY a.attnum) AS columns
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisvalid
    AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')`

export class TableKeys {
  readonly #keys: ReadonlyMap<string, TableKey>

  private constructor(keys: ReadonlyMap<string, TableKey>) {
    this.#keys = keys
  }

  static async read(client: Client): Promise<TableKeys> {
    const { rows } = await client.query<TableName & { logged: boolean; columns: string[] }>(keysQuery)
    return new TableKeys(new Map(rows.map((row) => [nameOf(row), { columns: row.columns, isLogged: row.logged }])))
  }

  /** A table that is gone by now has no key. */
  of(table: TableName): TableKey {
    return this.#keys.get(nameOf(table)) ?? { columns: [], isLogged: false }
  }
}

function nameOf({ schema, name }: TableName): string {
  return JSON.stringify([schema, name])
}
