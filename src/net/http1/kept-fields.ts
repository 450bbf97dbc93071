// Which fields of a message go on to the next hop. Framing and hop-by-hop fields never do: each side writes its own.

import type { ByteWriter } from './byte-writer.ts'
import type { FieldBlock } from './field-block.ts'
import { fieldKinds } from './field-names.ts'

/** One byte for each kind of field (field-names.ts): 1 when it is copied. */
export type KeptKinds = Uint8Array

export const keptInRequests = kept(['other', 'idempotencyKey', 'date'])

export const keptInAnswers = kept([
  ...(['other', 'host', 'expect', 'requestId', 'idempotencyKey', 'date', 'untrusted'] as const),
  ...(['forwarded', 'xForwardedFor', 'xForwardedProto', 'xForwardedHost'] as const),
])

/** Trailers that could change what has been sent before them are dropped (RFC 9110, 6.5.1). */
export const keptInTrailers = kept(['other'])

function kept(names: ReadonlyArray<keyof typeof fieldKinds>): KeptKinds {
  const table = new Uint8Array(Object.keys(fieldKinds).length)
  for (const name of names) table[fieldKinds[name]] = 1
  return table
}

/** Copies the fields that are kept, neighbours in one piece. `nominated`: further names to leave out. */
export function copyFields(
  out: ByteWriter,
  head: FieldBlock,
  keptKinds: KeptKinds,
  nominated: readonly string[],
): void {
  const { bytes, count, kinds } = head
  let from = -1
  for (let i = 0; i < count; i++) {
    const isKept = keptKinds[kinds[i] as number] === 1 && (nominated.length === 0 || !nominated.includes(head.name(i)))
    if (isKept) {
      if (from < 0) from = head.nameStart(i)
    } else if (from >= 0) {
      out.put(bytes, from, head.nameStart(i))
      from = -1
    }
  }
  if (from >= 0) out.put(bytes, from, head.lineEnd(count - 1))
}
