// The name under which an answer is kept: exactly what is sent on for it, so that nobody can make one request's answer
// stand under the name of another's.

import type { Exchange } from '../../net/http1/exchange.ts'
import type { RequestHead } from '../../net/http1/request-head.ts'
import { joined } from './fields.ts'

const method = 'GET '

/** `target`: path and query as they are sent on. */
export function keyOf({ request, origin }: Pick<Exchange, 'request' | 'origin'>, target: string): string {
  const scheme = origin.schemeOf(request)
  return `${method}${scheme}://${hostUnder(request.host, scheme)}${target}`
}

/** As browsers write it: in small letters, without the port that the scheme implies. It is sent on like this, too. */
export function hostUnder(host: string, scheme: string): string {
  const port = scheme === 'https' ? ':443' : ':80'
  const lower = host.toLowerCase()
  return lower.endsWith(port) && lower.length > port.length ? lower.slice(0, -port.length) : lower
}

/** X-Forwarded-Host or Forwarded (RFC 7239) names a host that the key does not. */
export function namesOtherHost(request: RequestHead, scheme: string): boolean {
  const own = hostUnder(request.host, scheme)
  const named = (joined(request, 'x-forwarded-host') ?? '').split(',')
  for (const [, host = ''] of (joined(request, 'forwarded') ?? '').matchAll(hostParameter)) named.push(host)
  return named.some((each) => {
    const host = each.replace(/^[\s"]+|[\s"]+$/g, '')
    return host !== '' && hostUnder(host, scheme) !== own
  })
}

const hostParameter = /(?<=^|[;,\s])host\s*=\s*("[^"]*"?|[^;,\s]*)/gi

export function keyOfUrl(url: string): string {
  return `${method}${url}`
}

export function urlOf(key: string): string {
  return key.slice(method.length)
}

/**
 * The key of another URL on the same host, as Location may name one; undefined for one elsewhere. `targetOf`: what rules make
 * of its path and query.
 */
export function keyBeside(
  key: string,
  reference: string,
  targetOf = (target: string): string => target,
): string | undefined {
  const base = urlOf(key)
  if (!URL.canParse(reference, base)) return undefined
  const url = new URL(reference, base)
  if (url.origin !== new URL(base).origin) return undefined
  return `${method}${url.origin}${targetOf(url.pathname + url.search)}`
}
