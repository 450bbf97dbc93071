// Where entries are kept, by how long: three rings of eight buckets that take turns. A bucket is truncated when everything in
// it is older than any stream of its ring keeps, which is before its turn comes again.
//
// Worked example: a stream that keeps 7 days is in ring 1, whose buckets take 60 hours each. An entry's bucket is closed after at
// most 60 hours, empty 7 days later, and has its next turn 17.5 days after it was closed.

const hourMs = 3_600_000
const dayMs = 24 * hourMs

export const bucketsPerRing = 8
/** `keepMsMax` leaves two of eight turns: one in which the bucket fills, one in which it is truncated. */
export const rings = [
  { bucketMs: 4 * hourMs, keepMsMax: dayMs },
  { bucketMs: 60 * hourMs, keepMsMax: 15 * dayMs },
  { bucketMs: 62 * dayMs, keepMsMax: 372 * dayMs },
] as const

export function ringOf(keepMs: number): number {
  const ring = rings.findIndex(({ keepMsMax }) => keepMs <= keepMsMax)
  return ring === -1 ? rings.length - 1 : ring
}

export function bucketsOf(ring: number): { first: number; last: number } {
  return { first: ring * bucketsPerRing, last: (ring + 1) * bucketsPerRing - 1 }
}

/** SQL for the bucket of an entry that is appended now, `ring` being the name of a column. */
export function bucketSql(ring: string): string {
  const spans = rings.map(({ bucketMs }) => bucketMs).join(', ')
  return `(${ring} * ${bucketsPerRing} + floor(extract(epoch from clock_timestamp()) * 1000
    / (array[${spans}]::bigint[])[${ring} + 1])::bigint % ${bucketsPerRing})::smallint`
}
