// The name under which an answer is kept: exactly what is sent on for it, so that nobody can make one request's answer
// stand under the name of another's.

import type { Exchange } from '../../net/http1/exchange.ts'

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

export function keyOfUrl(url: string): string {
  return `${method}${url}`
}

export function urlOf(key: string): string {
  return key.slice(method.length)
}

/** The key of another URL on the same host, as Location may name one; undefined for one elsewhere. */
export function keyBeside(key: string, reference: string): string | undefined {
  const base = urlOf(key)
  if (!URL.canParse(reference, base)) return undefined
  const url = new URL(reference, base)
  if (url.origin !== new URL(base).origin) return undefined
  return `${method}${url.origin}${url.pathname}${url.search}`
}
