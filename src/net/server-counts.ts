// What a server answered, for whoever watches it.

export interface ServerCounts {
  /** Requests answered since the start. */
  requests: number
  /** How many of them with a status of 500 or more. */
  errors: number
  /** Of the last seconds; undefined when there were no requests. */
  p99Ms: number | undefined
}

/** Of several servers of one process. */
export function sumCounts(counts: readonly ServerCounts[]): ServerCounts {
  return {
    requests: counts.reduce((sum, { requests }) => sum + requests, 0),
    errors: counts.reduce((sum, { errors }) => sum + errors, 0),
    p99Ms: counts.reduce<number | undefined>(
      (most, { p99Ms }) => (p99Ms === undefined ? most : Math.max(most ?? 0, p99Ms)),
      undefined,
    ),
  }
}
