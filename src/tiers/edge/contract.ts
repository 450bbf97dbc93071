// What the edge promises: an answer that may be kept is kept as RFC 9111 says, and given again without asking a server.
// It stands before the balancer in the same process: a hit never leaves it, a miss is one hop.
//
// Key: `GET https://host/path?query`, exactly what is forwarded, less what a rule takes out of it. Under a key there are
// variants, selected by the request fields that the answer's Vary names (and those that a rule adds).

/** Immutable: a change of the topology gives a new one, swapped between requests. */
export interface EdgeSettings {
  /** The first whose `path` fits says what is done beyond the answer's own fields. */
  rules: readonly EdgeRule[]
  /** Body bytes and what is known of each object, in memory. */
  memoryBytesMax: number
  /** Bodies on disk; 0: no disk tier. */
  diskBytesMax: number
  /** Larger answers pass through and are not kept. */
  objectBytesMax: number
  /** `second`: an answer goes to disk only when it is asked for again; memory always tries it. */
  admission: 'first' | 'second'
  /** Compresses text answers of servers that did not. */
  compresses: boolean
  /** How long an answer may be given beyond its freshness when no server answers, unless it says so itself (RFC 5861, 4). */
  staleIfErrorMs: number
  /** What a gigabyte costs at a CDN, and from the origin, for the report. Any currency. */
  pricePerGigabyte: number
  originPricePerGigabyte: number
}

export interface EdgeRule {
  /** A path, `*` standing for any characters: `/assets/*`. Case counts; the query is not part of it. */
  path: string
  /** fields: as the answer says. never: passes through. always: kept for `ttlMs` although it says nothing (never what is private). */
  keep: 'fields' | 'never' | 'always'
  /** With `always`, and instead of a heuristic where an answer says nothing. */
  ttlMs?: number
  staleWhileRevalidateMs?: number
  staleIfErrorMs?: number
  /** Which parameters of the query are part of the key, in which order ever: all as they are, none, or those named. */
  query?: 'all' | 'none' | readonly string[]
  /** Request fields that select a variant although Vary does not name them. */
  headers?: readonly string[]
  /** Cookies that select a variant; with them, an answer to a request that has other cookies too may be kept. */
  cookies?: readonly string[]
}

/** What is thrown out. Soft: it stays, but is given only after a server said that it still holds, or when none answers. */
export type Purge = ({ url: string } | { prefix: string } | { tag: string } | { everything: true }) & { soft?: boolean }

export interface EdgeReport {
  objects: number
  memoryBytes: number
  diskBytes: number
  /** Requests by how they were answered (RFC 9211): `hit`, `stale` and `revalidated` are answered from here. */
  requests: { hit: number; stale: number; revalidated: number; miss: number; coalesced: number; pass: number }
  /** Body bytes to clients, and those of them that a server had sent for it. */
  bytesOut: number
  bytesFromOrigin: number
  /** `billed`: what a CDN would ask for bytesOut. `saved`: what the origin's own traffic would have cost without the edge. */
  cost: { billed: number; saved: number }
}

export interface Edge {
  /** Takes effect from the next request on. What is kept stays, within the new bounds. */
  update(settings: EdgeSettings): void
  /** Resolves when nothing that was kept before the call is given any more; how many answers that were. May be repeated. */
  purge(purge: Purge): Promise<{ objects: number }>
  report(): EdgeReport
  /** Ends background work and writes down what the disk tier knows. May be called twice. */
  close(): Promise<void>
}
