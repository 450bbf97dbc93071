// What a job's id says. A uuidv7 begins with the milliseconds since 1970 (RFC 9562, 5.7); the tables of the ring take turns
// by that time (migrations/0002-ring.sql). Worked example: 017f22e2-79b0-7cc3-98c4-dc0c0c07398f is of 1645557742000 ms.

export const firstId = '00000000-0000-0000-0000-000000000000'
export const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

const bucketMs = 300_000
export const bucketCount = 8

export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/** No job of that millisecond or a later one has a smaller id. */
export function idAt(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`
}

export function bucketAt(ms: number): number {
  return Math.floor(ms / bucketMs) % bucketCount
}

/** The tables that jobs of that time lie in, both ends included. */
export function bucketsBetween(fromMs: number, toMs: number): number[] {
  const first = Math.max(0, Math.floor(fromMs / bucketMs))
  const count = Math.min(bucketCount, Math.floor(toMs / bucketMs) - first + 1)
  return Array.from({ length: count }, (_, i) => (first + i) % bucketCount)
}
