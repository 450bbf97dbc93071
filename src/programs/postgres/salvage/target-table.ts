// A table as it is on the server that a replay writes to: where it lies now, its columns, key and foreign keys.

import { type Client, escapeIdentifier } from 'pg'

export interface ForeignKey {
  name: string
  /** Of the table that has the constraint, the most general one that has it: its leaves are asked through it. */
  childTable: string
  childColumns: string[]
  parentTable: string
  parentColumns: string[]
}

export interface TargetTable {
  /** Quoted and qualified. */
  sql: string
  key: string[]
  /** What the server computes: never written. */
  generated: ReadonlySet<string>
  /** GENERATED ALWAYS AS IDENTITY: written by an insert, refused by an update. */
  alwaysIdentity: ReadonlySet<string>
  /** It has a unique constraint that is checked late, by a trigger. */
  isUniqueLate: boolean
  /** Constraints that this table's rows must satisfy. */
  parents: ForeignKey[]
  /** Constraints that other rows satisfy by this table's rows. */
  children: ForeignKey[]
}

export class TargetTables {
  readonly #client: Client
  readonly #known = new Map<string, TargetTable | undefined>()

  constructor(client: Client) {
    this.#client = client
  }

  /** Undefined when there is no such table. A leaf is found by its slot, whose schema changes its name with each move. */
  async find(place: { schema: string; table: string; slot?: number | undefined }): Promise<TargetTable | undefined> {
    const name = JSON.stringify([place.slot ?? place.schema, place.table])
    if (!this.#known.has(name)) this.#known.set(name, await this.#read(place))
    return this.#known.get(name)
  }

  async #read(place: { schema: string; table: string; slot?: number | undefined }): Promise<TargetTable | undefined> {
    const pattern = place.slot === undefined ? undefined : `^slot_${String(place.slot).padStart(3, '0')}(_[0-9]+)?$`
    const { rows } = await this.#client.query<{ oid: string; schema: string; root: string; late: boolean }>(
      tableQuery,
      [place.table, place.schema, pattern],
    )
    const [found] = rows
    if (!found) return undefined
    const { oid, schema, root, late } = found
    const columns = await this.#client.query<{ name: string; key: boolean; generated: boolean; always: boolean }>(
      columnsQuery,
      [oid],
    )
    const keys = await this.#client.query<ForeignKey & { isOwn: boolean }>(foreignKeysQuery, [oid, root])
    const named = (which: 'key' | 'generated' | 'always') =>
      columns.rows.filter((column) => column[which]).map(({ name }) => name)
    return {
      sql: `${escapeIdentifier(schema)}.${escapeIdentifier(place.table)}`,
      key: named('key'),
      generated: new Set(named('generated')),
      alwaysIdentity: new Set(named('always')),
      isUniqueLate: late,
      parents: keys.rows.filter(({ isOwn }) => isOwn),
      children: keys.rows.filter(({ isOwn }) => !isOwn),
    }
  }
}

/** The newest epoch of a slot has the highest number. */
const tableQuery = `
  SELECT c.oid::text, n.nspname AS schema, coalesce(pg_partition_root(c.oid), c.oid)::oid::text AS root,
    EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype IN ('u', 'p', 'x') AND condeferrable) AS late
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relname = $1 AND c.relkind IN ('r', 'p')
    AND CASE WHEN $3::text IS NULL THEN n.nspname = $2 ELSE n.nspname ~ $3 END
  ORDER BY length(n.nspname) DESC, n.nspname DESC LIMIT 1`

const columnsQuery = `
  SELECT a.attname AS name, a.attgenerated <> '' AS generated, a.attidentity = 'a' AS always,
    coalesce(a.attnum = ANY(i.indkey[0:i.indnkeyatts - 1]), false) AS key
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
    AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END
  WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attnum`

/**
 * PostgreSQL keeps copies of a foreign key for each partition of its parent, which hang below it in the same table: they
 * are part of how it is enforced and demand nothing by themselves. Of what points here, the topmost is asked.
 */
const foreignKeysQuery = `
  SELECT f.conname AS name, f.conrelid = $1::oid AS "isOwn",
    f.conrelid::regclass::text AS "childTable", f.confrelid::regclass::text AS "parentTable",
    ARRAY(SELECT attname::text FROM unnest(f.conkey) WITH ORDINALITY k(num, at)
      JOIN pg_attribute ON attrelid = f.conrelid AND attnum = k.num ORDER BY k.at) AS "childColumns",
    ARRAY(SELECT attname::text FROM unnest(f.confkey) WITH ORDINALITY k(num, at)
      JOIN pg_attribute ON attrelid = f.confrelid AND attnum = k.num ORDER BY k.at) AS "parentColumns"
  FROM pg_constraint f LEFT JOIN pg_constraint above ON above.oid = f.conparentid
  WHERE f.contype = 'f' AND f.convalidated AND f.conenforced
    AND (f.conrelid = $1::oid AND above.conrelid IS DISTINCT FROM f.conrelid
      OR f.confrelid IN ($1::oid, $2::oid) AND f.conparentid = 0)`
