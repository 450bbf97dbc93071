// The whole configuration of one HAProxy, from a snapshot of the servers, the listeners and the options: a pure function, so
// that the same inputs give the same file, and a file that is the same means that there is nothing to reload.

import { checkedBackend, reserveBackend } from './backends.ts'
import { frontend } from './frontends.ts'
import type { ConfigurationInput } from './input.ts'
import { errorPages } from './own-answers.ts'
import { backends, milliseconds, quoted, section } from './text.ts'

export function configurationOf(input: ConfigurationInput): string {
  const sections = [
    '# Written by Tenfold, and again with each change of the system.',
    globalSection(input),
    defaultsSection(input),
    addressTable(input),
    ...input.listeners.map((listener) => frontend(listener, input)),
    checkedBackend(input),
    reserveBackend(input),
  ]
  return `${sections.join('\n\n')}\n`
}

function globalSection({ files, limits, options, user }: ConfigurationInput): string {
  return section('global', [
    `stats socket ${quoted(files.runtimeSocket)} mode 600 level admin expose-fd listeners`,
    `server-state-file ${quoted(files.serverState)}`,
    `hard-stop-after ${milliseconds(limits.oldWorkerMsMax)}`,
    `mworker-max-reloads ${limits.oldWorkersMax}`,
    // A port of another program is an error, not a share.
    'noreuseport',
    `maxconn ${limits.connectionsMax}`,
    // Fewer descriptors than that: it serves with those there are.
    'no strict-limits',
    `tune.bufsize ${limits.bufferBytes}`,
    `tune.http.maxhdr ${limits.headerFieldsMax}`,
    ...(options.accessLog ? ['log stdout format raw local0 info'] : []),
    ...(options.tls
      ? ['ssl-load-extra-del-ext', 'ssl-load-extra-files key', 'ssl-default-bind-options ssl-min-ver TLSv1.2']
      : []),
    ...(user ? [`uid ${user.uid}`, `gid ${user.gid}`] : []),
  ])
}

function defaultsSection({ upstreams, limits }: ConfigurationInput): string {
  const isHttp = upstreams.mode === 'http'
  return section('defaults', [
    `timeout connect ${milliseconds(limits.connectTimeoutMs)}`,
    `timeout client ${milliseconds(isHttp ? limits.clientIdleTimeoutMs : limits.tunnelIdleTimeoutMs)}`,
    `timeout server ${milliseconds(isHttp ? upstreams.timeoutMs : limits.tunnelIdleTimeoutMs)}`,
    `timeout tunnel ${milliseconds(limits.tunnelIdleTimeoutMs)}`,
    `timeout http-request ${milliseconds(limits.headersTimeoutMs)}`,
    `timeout http-keep-alive ${milliseconds(limits.keepAliveTimeoutMs)}`,
    // Closing idle connections under their clients is how reloads lose requests.
    'option idle-close-on-response',
    // A request whose client has gone is taken out of the line, and back from its server.
    isHttp && 'option abortonclose',
    ...errorPages(),
  ])
}

function addressTable({ limits }: ConfigurationInput): string {
  return section(`backend ${backends.addresses}`, [
    `stick-table type ipv6 size ${limits.addressesMax} expire 60s store conn_cur,http_req_rate(2s)`,
  ])
}
