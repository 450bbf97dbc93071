// What is refused of a request, and what becomes of its fields, as the node engine does it (net/http1). HAProxy parses before
// any rule runs: what its parser mends, such as two equal Content-Lengths, no rule can see.

import type { Upstreams } from '../../../contract.ts'
import { type OwnText, refuse } from './own-answers.ts'
import { argument, quoted } from './text.ts'

const bad = (message: string, status = 400): OwnText => ({ status, code: 'bad-input', message })

const hostName = '^([A-Za-z0-9._~-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?$'
/** Where a request's field, or its cookie, is found. */
const samples = { header: 'req.fhdr', cookie: 'req.cook' } as const
const soundRequestId = '^[A-Za-z0-9._:+/=-]{1,128}$'

export function strictRules({ bodyBytesMax }: Upstreams): string[] {
  return [
    refuse(bad('only HTTP/1.0, HTTP/1.1 and HTTP/2 are served', 505), '!{ req.ver -m str 1.0 1.1 2.0 }'),
    refuse(
      bad('there is a Transfer-Encoding in HTTP/1.0'),
      '{ req.ver -m str 1.0 } { req.fhdr(transfer-encoding) -m found }',
    ),
    refuse(bad('this method is not served', 501), '{ method TRACE CONNECT }'),
    refuse(bad('the method is no token'), `!{ method -m reg ${quoted('^[!#$%&*+.^_`|~0-9A-Za-z-]+$')} }`),
    refuse(bad('the request target is neither a path nor an http URL'), `!{ url -m reg ${quoted('^(/|https?://)')} }`),
    refuse(
      bad('the request target holds a byte that does not belong there'),
      `!{ url -m reg ${quoted('^[\\x21\\x22\\x24-\\x7e]+$')} }`,
    ),
    refuse(
      bad('the request target holds a byte that does not belong there'),
      `{ url -m reg ${quoted('^https?://[^/?]*@')} }`,
    ),
    refuse(bad('there is not exactly one Host header'), '!{ req.fhdr_cnt(host) eq 1 }'),
    refuse(bad('the Host is no host name'), `!{ req.fhdr(host) -m reg ${quoted(hostName)} }`),
    refuse(
      bad('a header value holds a control character'),
      `{ req.hdrs -m reg ${quoted('[^\\t\\r\\n\\x20-\\x7e\\x80-\\xff]')} }`,
    ),
    refuse(bad('an upgrade has no body'), '{ req.fhdr(upgrade) -m found } { req.fhdr(transfer-encoding) -m found }'),
    refuse(bad('an upgrade has no body'), '{ req.fhdr(upgrade) -m found } { req.hdr_val(content-length) gt 0 }'),
    refuse(
      { status: 413, code: 'too-large', message: 'the request body is too large' },
      `{ req.body_size gt ${bodyBytesMax} }`,
    ),
    // A server sees the path, also of a client that sent a URL as to a proxy.
    `http-request set-uri %[pathq] if { url -m reg ${quoted('^https?://')} }`,
  ]
}

/** Before the fields are rewritten: what a peer that is trusted says of the client. `trusted` is an ACL of the frontend. */
export function originRules({ hashOn }: Upstreams, { trusts }: { trusts: boolean }): Array<string | false> {
  const hashed = hashOn.by === 'path' ? '' : quoted(`${samples[hashOn.by]}(${argument(hashOn.name)})`)
  return [
    'http-request set-var(txn.client) src',
    trusts &&
      'http-request set-var(txn.client) req.hdr_ip(x-forwarded-for,-1) if trusted { req.hdr_ip(x-forwarded-for,-1) -m found }',
    'http-request set-var(txn.hashed) path',
    hashed !== '' && `http-request set-var(txn.hashed) ${hashed} if { ${hashed} -m found }`,
  ]
}

export function fieldRules({ trusts }: { trusts: boolean }): string[] {
  const unless = trusts ? ' unless trusted' : ''
  const proto = '%[ssl_fc,iif(https,http)]'
  // RFC 7239, 6: an IPv6 address stands in brackets and quotes.
  const forwarded = (node: string) => quoted(`for=${node};host="%[req.fhdr(host)]";proto=${proto}`)
  return [
    // Of hop-by-hop fields HAProxy itself writes Connection anew.
    ...['keep-alive', 'proxy-connection', 'te', 'trailer', 'http2-settings'].map((name) => drop(name)),
    `${drop('upgrade')} unless { req.fhdr(upgrade) -i websocket }`,
    `${drop('connection')} unless { req.fhdr(upgrade) -i websocket }`,
    // Ways in which an app could be told another address or path than the real one.
    ...['proxy', 'x-real-ip', 'x-original-url', 'x-rewrite-url', '_ -m sub'].map((name) => drop(name)),
    drop(`${quoted('^x-forwarded-(?!(for|proto|host)$)')} -m reg`),
    ...['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded'].map(
      (name) => `${drop(name)}${unless}`,
    ),
    'http-request add-header X-Forwarded-For %[src]',
    `http-request set-header X-Forwarded-Proto ${proto} unless { req.hdr(x-forwarded-proto) -m found }`,
    'http-request set-header X-Forwarded-Host %[req.fhdr(host)] unless { req.hdr(x-forwarded-host) -m found }',
    `http-request add-header Forwarded ${forwarded('%[src]')} unless { src -m sub : }`,
    `http-request add-header Forwarded ${forwarded('"[%[src]]"')} if { src -m sub : }`,
    `http-request set-header X-Request-Id %[uuid] unless { req.fhdr_cnt(x-request-id) eq 1 } { req.fhdr(x-request-id) -m reg ${quoted(soundRequestId)} }`,
    'http-request set-var(txn.id) req.fhdr(x-request-id)',
  ]
}

export function drop(what: string, when = 'http-request'): string {
  return `${when} del-header ${what}`
}
