// Counts a second time, by another way: the commits in the write-ahead log itself (pg_walinspect), against those that were
// decoded. What the two do not agree on is told; nothing is lost in silence.
//
// Many a commit changes no row of the app: of another database, of the catalog, of statistics. So whatever was not
// decoded is looked at more closely: did that transaction, or a part of it, write rows of a table in this database?

import type { Client } from 'pg'
import type { IsolatedServer } from './isolated-server.ts'
import { streamRows } from './row-stream.ts'

/** Below it are the objects that PostgreSQL itself brings (FirstNormalObjectId, src/include/access/transam.h). */
const firstUserOid = 16384

const commitsQuery = `
  SELECT xid::text, description FROM pg_get_wal_records_info($1::pg_lsn, $2::pg_lsn)
  WHERE resource_manager = 'Transaction' AND record_type = 'COMMIT'`

/** A TRUNCATE names its tables in another way; only tables of users are truncated. */
const writtenQuery = `
  SELECT DISTINCT xid::text, place[1] AS space, place[2] AS database, place[3] AS file
  FROM (SELECT xid, regexp_match(block_ref, 'rel (\\d+)/(\\d+)/(\\d+)') AS place
    FROM pg_get_wal_records_info($1::pg_lsn, $2::pg_lsn)
    WHERE resource_manager IN ('Heap', 'Heap2') AND xid::text = ANY($3)
      AND record_type ~ '^(INSERT|MULTI_INSERT|UPDATE|HOT_UPDATE|DELETE|TRUNCATE)') AS written`

export interface CrossCheckOptions {
  /** Every transaction that was decoded. */
  decoded: ReadonlySet<number>
  from: string
  /** The log is there from here on; what is to be looked at more closely may have begun before `from`. */
  keptFrom: string
  until: string
}

/** The ids of the transactions that committed, changed rows, and were not decoded; ascending. */
export async function findUndecoded(server: IsolatedServer, options: CrossCheckOptions): Promise<number[]> {
  const { decoded, from, keptFrom, until } = options
  // In a database of its own, so that making the extension is no transaction of the app's database.
  const inspector = await server.connect('postgres')
  try {
    await inspector.query('CREATE EXTENSION IF NOT EXISTS pg_walinspect')
    /** By the id under which rows were written: the transaction's own, or a subtransaction's. */
    const suspects = new Map<string, number>()
    const commits = streamRows<{ xid: string; description: string }>(inspector, commitsQuery, [from, until])
    for await (const { xid, description } of commits) {
      if (decoded.has(Number(xid))) continue
      const parts = /; subxacts:((?: \d+)+)/.exec(description)?.[1]?.trim().split(' ') ?? []
      for (const part of [xid, ...parts]) suspects.set(part, Number(xid))
    }
    if (suspects.size === 0) return []
    return await whoWroteRows(inspector, server, suspects, [keptFrom, until, [...suspects.keys()]])
  } finally {
    inspector.connection.stream.destroy()
  }
}

async function whoWroteRows(
  inspector: Client,
  server: IsolatedServer,
  suspects: ReadonlyMap<string, number>,
  parameters: unknown[],
): Promise<number[]> {
  const app = await server.connect()
  try {
    const { rows } = await app.query<{ oid: string }>(
      'SELECT oid::text FROM pg_database WHERE datname = current_database()',
    )
    const isOfApp = new Map<string, boolean>()
    const isOfAppTable = async (space: string, file: string) => {
      const known = isOfApp.get(file)
      if (known !== undefined) return known
      // Null: the table was dropped or written anew since. It is not one of the catalog, which is mapped.
      const { rows } = await app.query<{ table: string | null }>(
        'SELECT pg_filenode_relation($1, $2)::oid::text AS table',
        [space, file],
      )
      const isTable = Number(rows[0]?.table ?? firstUserOid) >= firstUserOid
      isOfApp.set(file, isTable)
      return isTable
    }
    const found = new Set<number>()
    type Written = { xid: string; space: string | null; database: string | null; file: string | null }
    for await (const { xid, space, database, file } of streamRows<Written>(inspector, writtenQuery, parameters)) {
      const suspect = suspects.get(xid)
      if (suspect === undefined || found.has(suspect)) continue
      if (space === null || file === null) found.add(suspect)
      else if (database === rows[0]?.oid && (await isOfAppTable(space, file))) found.add(suspect)
    }
    return [...found].sort((a, b) => a - b)
  } finally {
    app.connection.stream.destroy()
  }
}
