// What of a request a cache must know before it answers: one pass over the fields, no text made. The common request has
// none of these, and that is all a hit needs to hear.

import { isText } from '../../net/http1/byte-classes.ts'
import type { FieldBlock } from '../../net/http1/field-block.ts'

export const traits = {
  cacheControl: 1,
  range: 2,
  /** If-None-Match or If-Modified-Since. */
  condition: 4,
  /** If-Match or If-Unmodified-Since: for the server that owns the thing, never for a cache (RFC 9111, 4.3.2). */
  originCondition: 8,
  authorization: 16,
  cookie: 32,
  /** It may mean another method or host to some servers than to us: such a request is nobody else's. */
  override: 128,
  /** It has come through caches already (RFC 8586). */
  loop: 64,
  /** A proxy before us says which host was asked for. */
  forwardedHost: 256,
} as const

const traitByName: Record<string, number> = {
  'cache-control': traits.cacheControl,
  range: traits.range,
  'if-none-match': traits.condition,
  'if-modified-since': traits.condition,
  'if-match': traits.originCondition,
  'if-unmodified-since': traits.originCondition,
  authorization: traits.authorization,
  cookie: traits.cookie,
  'cdn-loop': traits.loop,
  'x-http-method-override': traits.override,
  'x-http-method': traits.override,
  'x-method-override': traits.override,
  'x-http-host-override': traits.override,
  'x-original-host': traits.override,
  'x-host': traits.override,
  'x-forwarded-host': traits.forwardedHost,
  forwarded: traits.forwardedHost,
}

const byLength: Array<Array<readonly [name: string, trait: number]> | undefined> = []
for (const [name, trait] of Object.entries(traitByName)) {
  byLength[name.length] ??= []
  byLength[name.length]?.push([name, trait])
}

export function traitsOf(request: FieldBlock): number {
  let found = 0
  for (let i = 0; i < request.count; i++) {
    const start = request.nameStart(i)
    const end = request.nameEnd(i)
    const names = byLength[end - start]
    if (names === undefined) continue
    for (const [name, trait] of names) if (isText(request.bytes, start, end, name)) found |= trait
  }
  return found
}
