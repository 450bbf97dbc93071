// The check at every new connection: is this server what the map takes it for?
//
// A former primary that comes back knows nothing of its successor. It is on an older timeline than the map names, or in
// recovery, and whoever connects to it as to a primary must look at the map again.

export interface Expectation {
  readonly role: 'primary' | 'replica'
  /** The timeline that the map names for the shard. */
  readonly timeline: number
  /** See Source.generation; a connection keeps the one that it was made in. */
  readonly generation: number
}

// The timeline of a primary is in the name of its current log file: pg_control_checkpoint() still says the old one right
// after a promotion.
export const roleSql = `SELECT pg_is_in_recovery() AS recovering, CASE WHEN NOT pg_is_in_recovery()
  THEN ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::int END AS timeline`

export interface Role {
  isInRecovery: boolean
  /** Undefined for a replica, which does not tell the app's role. */
  timeline: number | undefined
}

/** Not of use: read the map again and connect to whom it then names. */
export class WrongRole extends Error {
  override name = 'WrongRole'
}

/** @throws WrongRole. Answers whether the map is older than the server. */
export function checkRole(
  server: string,
  { isInRecovery, timeline }: Role,
  expected: Expectation,
): { isMapOld: boolean } {
  if (expected.role === 'replica') {
    if (!isInRecovery) throw new WrongRole(`the server at ${server} is a primary, and the map names it as a replica`)
    return { isMapOld: false }
  }
  if (isInRecovery) throw new WrongRole(`the server at ${server} is a replica, and the map names it as a primary`)
  if (timeline !== undefined && timeline < expected.timeline)
    throw new WrongRole(`the server at ${server} is on timeline ${timeline}, its shard on ${expected.timeline}`)
  return { isMapOld: timeline !== undefined && timeline > expected.timeline }
}
