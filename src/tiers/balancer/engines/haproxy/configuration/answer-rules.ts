// What is repeated, what is said when it fails, and what becomes of an answer.

import { drop } from './request-rules.ts'
import { quoted } from './text.ts'

/** RFC 9110, 9.2.2; and whoever names a key says that the app runs it once per key. */
const repeatable = ['{ method GET HEAD OPTIONS PUT DELETE }', '{ req.hdr(idempotency-key) -m found }']

/** A request that a server may have had is sent again only where that does no harm. */
export function repeatRules(): string[] {
  const code = (status: number, code: string) => `http-request set-var(txn.code${status}) str(${code})`
  return [
    ...repeatable.map((condition) => `acl repeatable ${condition.slice(2, -2)}`),
    'http-request disable-l7-retry unless repeatable',
    code(502, 'unavailable'),
    code(503, 'unavailable'),
    code(504, 'timeout'),
    `${code(502, 'outcome-unknown')} unless repeatable`,
    `${code(504, 'outcome-unknown')} unless repeatable`,
  ]
}

export function answerRules({
  retryAfterSeconds,
  isSticky,
}: {
  retryAfterSeconds: number
  isSticky: boolean
}): Array<string | false> {
  return [
    'http-response set-var(txn.answered) bool(true)',
    ...['keep-alive', 'proxy-connection', 'trailer'].map((name) => drop(name, 'http-response')),
    'http-after-response set-header X-Request-Id %[var(txn.id)] if { var(txn.id) -m found } !{ res.hdr(x-request-id) -m found }',
    // Not where the server may have done it already: the client must not simply repeat that.
    ...[
      '{ status 503 }',
      '{ status 502 } !{ var(txn.code502) -m str outcome-unknown }',
      '{ status 504 } !{ var(txn.code504) -m str outcome-unknown }',
    ].map(
      (condition) =>
        `http-after-response set-header Retry-After ${retryAfterSeconds} if !{ var(txn.answered) -m bool } ${condition}`,
    ),
    isSticky &&
      `http-after-response replace-header Set-Cookie ${quoted('^(tenfold-server=.*)$')} ${quoted('\\1; Secure')} if { ssl_fc }`,
  ]
}
