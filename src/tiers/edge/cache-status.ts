// The Cache-Status field (RFC 9211): what this cache did with a request, for whoever looks into an answer.

/** hit: from here. stale, miss, uri-miss and the like: why it went on to a server. */
export type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'stale' | 'request' | 'partial'

export interface Status {
  /** Seconds until it is stale; below zero it is. With a hit, and with what was just kept. */
  ttlSeconds?: number
  forwarded?: Forwarded
  /** What the server answered, where that is not what the client gets. */
  forwardedStatus?: number
  isStored?: boolean
  /** Another request's fetch was waited for. */
  isCollapsed?: boolean
  detail?: string
}

/** One member of the list, without the field's name. Without `forwarded` it is a hit. */
export function cacheStatus(cache: string, status: Status): string {
  const { ttlSeconds, forwarded, forwardedStatus, isStored, isCollapsed, detail } = status
  let text = `${cache}; ${forwarded === undefined ? 'hit' : `fwd=${forwarded}`}`
  if (forwardedStatus !== undefined) text += `; fwd-status=${forwardedStatus}`
  if (ttlSeconds !== undefined) text += `; ttl=${ttlSeconds}`
  if (isStored) text += '; stored'
  if (isCollapsed) text += '; collapsed'
  if (detail !== undefined) text += `; detail="${detail}"`
  return text
}

/** The name of a cache as a token where it is one, else as a string (RFC 9211, 2). */
export function cacheName(name: string): string {
  if (/^[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*$/.test(name)) return name
  return `"${name.replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
