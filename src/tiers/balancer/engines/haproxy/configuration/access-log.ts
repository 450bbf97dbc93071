// Lines of the access log as HAProxy's log-format, with the fields of the node engine's (access-log/formats.ts). `+E` escapes
// what could end a field in quotes, and HAProxy writes controls as #HH; in JSON the converter escapes.

import type { AccessLogFormat } from '../../../access-log/formats.ts'
import { quoted } from './text.ts'

const common = '%[var(txn.client)] - - [%trl] %{+Q,+E}r %ST %U'
const captured = (name: string) => `%[var(txn.${name}),json(utf8s)]`

export function logFormat(format: AccessLogFormat): string {
  if (format === 'common') return quoted(common)
  if (format === 'combined') return quoted(`${common} %{+Q,+E}[var(txn.referer)] %{+Q,+E}[var(txn.agent)]`)
  const fields = [
    '"time":"%[var(txn.at),utime(%Y-%m-%dT%H:%M:%SZ)]"',
    '"client":"%[var(txn.client)]"',
    `"method":"${captured('method')}"`,
    `"path":"${captured('path')}"`,
    '"protocol":"%HV"',
    `"host":"${captured('host')}"`,
    `"referer":"${captured('referer')}"`,
    `"userAgent":"${captured('agent')}"`,
    '"status":%ST',
    '"bodyBytes":%U',
    '"durationMs":%Ta',
    '"requestId":"%[var(txn.id)]"',
    '"server":"%s"',
    '"retries":"%rc"',
  ]
  return quoted(`{${fields.join(',')}}`)
}

/** Kept while the request passes: when the line is written its fields are gone. */
export function logRules(): string[] {
  return [
    'http-request set-var(txn.at) date',
    'http-request set-var(txn.method) method',
    'http-request set-var(txn.path) pathq',
    'http-request set-var(txn.host) req.fhdr(host)',
    'http-request set-var(txn.referer) req.fhdr(referer)',
    'http-request set-var(txn.agent) req.fhdr(user-agent)',
  ]
}
