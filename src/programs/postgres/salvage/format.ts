// The salvage file: JSON lines, a header first, then the transactions in the order of their commits.
//
//   {"format":1,"id":"…","shard":"s1","node":"us-east/postgres-1","divergedAt":"0/3354018",…,"complete":true,"transactions":2}
//   {"xid":757,"changes":[{"schema":"slot_007","table":"photos","slot":7,"kind":"insert","key":{…},"values":{…}}],
//    "committedAt":"2026-11-25T13:07:50.123456Z","lsn":"0/3354200"}
//
// A transaction of many changes takes several lines, of which all but the last say "continued": nobody who writes or reads
// the file ever holds more than one line. Values are in PostgreSQL's own text form, so that nothing is rounded.

import { z } from 'zod'

/** Not z.record, which drops a column of the name __proto__. */
const row = z.custom<Readonly<Record<string, string | null>>>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((cell) => cell === null || typeof cell === 'string'),
  'not a row of texts and nulls',
)

export const salvagedChangeSchema = z.strictObject({
  schema: z.string(),
  table: z.string(),
  /** Of a sharded table's leaf; the schema is then the leaf's at that time. */
  slot: z.int().optional(),
  kind: z.enum(['insert', 'update', 'delete', 'truncate']),
  /** What tells the row from others, as it was before the change; null when the log does not say. */
  key: row.nullable(),
  values: row.optional(),
  /** Columns whose large value an update did not touch. */
  unchanged: z.array(z.string()).optional(),
  /** The row as it was, of tables with REPLICA IDENTITY FULL; nulls are left out. */
  old: row.optional(),
})

export const salvagedLineSchema = z.union([
  z.strictObject({ xid: z.int(), changes: z.array(salvagedChangeSchema), continued: z.literal(true) }),
  z.strictObject({
    xid: z.int(),
    changes: z.array(salvagedChangeSchema),
    committedAt: z.string(),
    /** Where its commit record ends. */
    lsn: z.string(),
  }),
])

export const salvageHeaderSchema = z.strictObject({
  format: z.literal(1),
  /** Names this salvage, whatever the file is called. */
  id: z.string(),
  shard: z.string(),
  /** The dead primary. */
  node: z.string(),
  /** Of the new primary, which begins at `divergedAt`. */
  timeline: z.int(),
  divergedAt: z.string(),
  /** The first transaction id that the new primary could give after its promotion (64 bits). */
  promotedXid: z.string().regex(/^\d+$/),
  /** Of the cluster; all servers of a shard have the same. */
  systemIdentifier: z.string(),
  at: z.string(),
  /** Whether the transactions below are all that were lost; else `problems` says why not. */
  complete: z.boolean(),
  problems: z.array(z.string()),
  transactions: z.int(),
  changes: z.int(),
  /** How far the dead primary's sequences were. */
  sequences: z.array(z.strictObject({ schema: z.string(), name: z.string(), lastValue: z.string() })),
})

export type SalvagedChange = z.output<typeof salvagedChangeSchema>
export type SalvagedLine = z.output<typeof salvagedLineSchema>
export type SalvageHeader = z.output<typeof salvageHeaderSchema>
export type SalvagedRow = z.output<typeof row>
