// The field names that the engine acts on, found by their length and their bytes. Everything else is `other`, copied as
// it came.

import { isText } from './byte-classes.ts'

export const fieldKinds = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  expect: 6,
  te: 7,
  keepAlive: 8,
  requestId: 9,
  idempotencyKey: 10,
  date: 11,
  /** Says where a request comes from; believed from trusted peers only. */
  forwarded: 12,
  xForwardedFor: 13,
  xForwardedProto: 14,
  xForwardedHost: 15,
  /** Ends at this hop (RFC 9110, 7.6.1, and what older agents send). */
  hopByHop: 16,
  /** Believed by some servers although any client can write it, or not to be told from another name. */
  untrusted: 17,
} as const

const kindByName: Record<string, number> = {
  host: fieldKinds.host,
  'content-length': fieldKinds.contentLength,
  'transfer-encoding': fieldKinds.transferEncoding,
  connection: fieldKinds.connection,
  upgrade: fieldKinds.upgrade,
  expect: fieldKinds.expect,
  te: fieldKinds.te,
  'keep-alive': fieldKinds.keepAlive,
  'x-request-id': fieldKinds.requestId,
  'idempotency-key': fieldKinds.idempotencyKey,
  date: fieldKinds.date,
  forwarded: fieldKinds.forwarded,
  'x-forwarded-for': fieldKinds.xForwardedFor,
  'x-forwarded-proto': fieldKinds.xForwardedProto,
  'x-forwarded-host': fieldKinds.xForwardedHost,
  'proxy-connection': fieldKinds.hopByHop,
  'proxy-authenticate': fieldKinds.hopByHop,
  'proxy-authorization': fieldKinds.hopByHop,
  trailer: fieldKinds.hopByHop,
  'http2-settings': fieldKinds.hopByHop,
  'x-real-ip': fieldKinds.untrusted,
  'x-original-url': fieldKinds.untrusted,
  'x-rewrite-url': fieldKinds.untrusted,
  proxy: fieldKinds.untrusted,
}

const namesByLength: Array<Array<{ name: string; kind: number }>> = []
for (const [name, kind] of Object.entries(kindByName)) {
  namesByLength[name.length] ??= []
  namesByLength[name.length]?.push({ name, kind })
}
for (let length = 0; length < namesByLength.length; length++) namesByLength[length] ??= []

const forwardedPrefix = 'x-forwarded-'

export function kindOfField(bytes: Uint8Array, start: number, end: number): number {
  const names = namesByLength[end - start]
  if (names !== undefined) for (const { name, kind } of names) if (isText(bytes, start, end, name)) return kind
  const isForwarded =
    end - start > forwardedPrefix.length && isText(bytes, start, start + forwardedPrefix.length, forwardedPrefix)
  return isForwarded ? fieldKinds.untrusted : fieldKinds.other
}

/** Fields that a Connection header cannot take away from those behind us: they carry who asks, and what for. */
const neverNominated = new Set(['host', 'authorization', 'cookie', 'cache-control', 'content-type', 'x-request-id'])

/** Whether a name that a Connection header lists is really dropped. `name` is in small letters. */
export function mayBeNominated(name: string): boolean {
  return !neverNominated.has(name)
}
