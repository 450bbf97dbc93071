// One frontend for each listener, so that each can be left alone.

import { isIPv6 } from 'node:net'
import { descriptorName } from '../../../../../programs/haproxy/check.ts'
import { frontendName, type Listener } from '../listener.ts'
import { logFormat, logRules } from './access-log.ts'
import { answerRules, repeatRules } from './answer-rules.ts'
import { panicFloor } from './backends.ts'
import type { ConfigurationInput } from './input.ts'
import { refuse } from './own-answers.ts'
import { fieldRules, originRules, strictRules } from './request-rules.ts'
import { backends, quoted, section } from './text.ts'

export function frontend(listener: Listener, input: ConfigurationInput): string {
  const { upstreams } = input
  const name = `frontend ${frontendName(listener)}`
  const first = [bindLine(listener, input), 'option socket-stats', `mode ${upstreams.mode}`]
  if (upstreams.mode === 'http') return section(name, [...first, ...httpLines(listener, input)])
  if (!listener.answersHealth)
    return section(name, [...first, ...sessionLines(listener, input), ...backendLines(input)])
  // Connections are passed on, so what is asked of the balancer itself has a listener that does nothing else.
  const nothing = { status: 404, code: 'not-found', message: 'here only /-/live and /-/ready are answered' }
  return section(name, [...first.slice(0, 2), 'mode http', ...healthLines(input), refuse(nothing, '{ always_true }')])
}

function bindLine({ on, tls, answersHealth }: Listener, input: ConfigurationInput): string {
  const { upstreams, options, limits, descriptors } = input
  const where =
    'fd' in on
      ? descriptorName(descriptors.indexOf(on.fd))
      : `${isIPv6(on.address) ? `[${on.address}]` : on.address}:${on.port}`
  const words = [
    `bind ${where} backlog ${limits.backlog}`,
    isProxied({ answersHealth }, options) && 'accept-proxy',
    // Without TLS there is no HTTP/2 here: a client could begin to speak it on any connection.
    !tls && upstreams.mode === 'http' && 'proto h1',
    tls && options.tls && `ssl crt ${quoted(options.tls.directory)} alpn h2,http/1.1`,
  ]
  return words.filter(Boolean).join(' ')
}

function isProxied(
  { answersHealth }: Pick<Listener, 'answersHealth'>,
  options: ConfigurationInput['options'],
): boolean {
  return !answersHealth && (options.proxyProtocol?.length ?? 0) > 0
}

/** Limits by address, looked at when a connection comes; those who are trusted stand for many. */
function sessionLines(listener: Listener, { options, limits }: ConfigurationInput): Array<string | false> {
  const { trustedPeers = [], proxyProtocol = [] } = options
  const trusts = trustedPeers.length > 0
  const unless = trusts ? ' !trusted' : ''
  return [
    trusts && `acl trusted src ${trustedPeers.join(' ')}`,
    isProxied(listener, options) && `tcp-request connection reject unless { src ${proxyProtocol.join(' ')} }`,
    `tcp-request session track-sc0 src table ${backends.addresses}`,
    `tcp-request session reject if { sc0_conn_cur gt ${limits.connectionsPerAddressMax} }${unless}`,
  ]
}

function httpLines(listener: Listener, input: ConfigurationInput): Array<string | false> {
  const { upstreams, options } = input
  const { accessLog, requestsPerSecondPerAddress: perSecond = 0 } = options
  const trusts = (options.trustedPeers ?? []).length > 0
  const again = { retryAfterSeconds: options.retryAfterSeconds }
  const tooMany = { status: 429, code: 'overloaded', message: 'too many requests from this address; try again' }
  return [
    ...sessionLines(listener, input),
    ...(accessLog ? ['log global', `log-format ${logFormat(accessLog.format)}`] : []),
    ...originRules(upstreams, { trusts }),
    ...(accessLog ? logRules() : []),
    ...repeatRules(),
    // Two seconds' worth may come at once.
    perSecond > 0 && refuse(tooMany, `{ sc0_http_req_rate gt ${2 * perSecond} }${trusts ? ' !trusted' : ''}`, again),
    ...strictRules(upstreams),
    ...(listener.answersHealth ? healthLines(input) : []),
    ...fieldRules({ trusts }),
    ...answerRules({ retryAfterSeconds: options.retryAfterSeconds, isSticky: upstreams.sticky === 'cookie' }),
    ...backendLines(input),
  ]
}

/** Whether it lives, and whether it can serve: what the one who watches HAProxy has found out is in the map. */
function healthLines({ readyMap, options }: ConfigurationInput): string[] {
  const ok = 'status 200 content-type text/plain string "ok\\n"'
  const unchecked = { status: 503, code: 'unavailable', message: 'the servers are not checked yet' }
  const isReady = `{ str(ready),map_str(${readyMap}) -m str yes }`
  return [
    `http-request return ${ok} if METH_GET { path /-/live }`,
    `http-request return ${ok} if METH_GET { path /-/ready } ${isReady}`,
    refuse(unchecked, 'METH_GET { path /-/ready }', { retryAfterSeconds: options.retryAfterSeconds }),
  ]
}

function backendLines({ upstreams }: ConfigurationInput): string[] {
  return [
    `use_backend ${backends.all} if { nbsrv(${backends.checked}) lt ${panicFloor(upstreams)} }`,
    `default_backend ${backends.checked}`,
  ]
}
