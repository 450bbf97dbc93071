// The servers twice: those that pass their checks, and all of them for when checks are not believed (panic). HAProxy by itself
// answers 503 when no server passes; a wrong or overloaded check must not turn a working system off.

import type { Upstreams } from '../../../contract.ts'
import type { ConfigurationInput } from './input.ts'
import { refuse } from './own-answers.ts'
import { serverLine } from './server-line.ts'
import { backends, milliseconds, quoted, section } from './text.ts'

/** Fewer servers up than this, and all are asked: the rule of the roster (roster.ts), as a number of servers. */
export function panicFloor({ servers, panicShare }: Upstreams): number {
  const takers = servers.filter(({ isDraining }) => !isDraining).length
  return Math.max(1, Math.ceil(panicShare * takers))
}

export function checkedBackend(input: ConfigurationInput): string {
  const { upstreams, options } = input
  const { healthPath } = upstreams
  return section(`backend ${backends.checked}`, [
    ...commonLines(input),
    'load-server-state-from-file global',
    `timeout check ${milliseconds(options.healthTimeoutMs)}`,
    healthPath !== '' && 'option httpchk',
    healthPath !== '' &&
      `http-check send meth GET uri ${quoted(healthPath)} ver HTTP/1.1 hdr Host tenfold-health hdr User-Agent tenfold-health hdr Connection close`,
    healthPath !== '' && 'http-check expect status 200-299',
    ...upstreams.servers.map((server) => serverLine(server, upstreams, { isChecked: true })),
  ])
}

export function reserveBackend(input: ConfigurationInput): string {
  const { upstreams } = input
  return section(`backend ${backends.all}`, [
    ...commonLines(input),
    ...upstreams.servers.map((server) => serverLine(server, upstreams, { isChecked: false })),
  ])
}

function commonLines({ upstreams, limits, options }: ConfigurationInput): Array<string | false> {
  const { mode, retriesMax, queueMax, queueTimeoutMs, sticky } = upstreams
  const isHttp = mode === 'http'
  const isFull = '{ nbsrv gt 0 } { be_conn_free eq 0 }'
  return [
    `mode ${mode}`,
    ...balanceLines(upstreams),
    `retries ${retriesMax}`,
    retriesMax > 0 && 'option redispatch 1',
    isHttp && retriesMax > 0 && 'retry-on conn-failure empty-response',
    `timeout queue ${milliseconds(queueTimeoutMs)}`,
    // Who awaits events is silent for as long as nothing happens.
    isHttp &&
      `http-request set-timeout server ${milliseconds(limits.tunnelIdleTimeoutMs)} if { req.hdr(accept) -m sub text/event-stream }`,
    isHttp && sticky === 'cookie' && 'cookie tenfold-server insert indirect httponly attr SameSite=Lax',
    isHttp && `http-request set-var(txn.code503) str(overloaded) if ${isFull}`,
    isHttp &&
      refuse(
        { status: 503, code: 'overloaded', message: 'every server is at its limit; try again' },
        `${isFull} { queue ge ${queueMax} }`,
        { retryAfterSeconds: options.retryAfterSeconds },
      ),
    !isHttp && `tcp-request content reject if ${isFull} { queue ge ${queueMax} }`,
  ]
}

/**
 * Connections that are passed on as they are have nothing to hash but where they come from. HAProxy's bound on a hashed server's
 * load (`hash-balance-factor`) has no floor: of three idle servers none may have two requests, so a client's second request at once
 * would leave its server. Affinity is what was asked for; what bounds a server is `maxconn`.
 */
function balanceLines({ mode, algorithm, sticky }: Upstreams): string[] {
  const byAddress = mode === 'http' ? 'balance hash var(txn.client)' : 'balance source'
  const ring = 'hash-type consistent sdbm avalanche'
  if (sticky === 'ip') return [byAddress, ring]
  switch (algorithm) {
    case 'p2c':
      return ['balance random(2)']
    case 'round-robin':
    case 'weighted-round-robin':
      return ['balance roundrobin']
    case 'least-connections':
      return ['balance leastconn']
    case 'ip-hash':
      return [byAddress, ring]
    case 'consistent-hash':
      return [mode === 'http' ? 'balance hash var(txn.hashed)' : byAddress, ring]
  }
}
