// What is known of an answer once its body is compressed.

import { fieldOf, membersOf } from '../fields.ts'
import type { KeptHead } from '../store/contract.ts'
import type { Encoding } from './accept-encoding.ts'

/**
 * Selects a variant that the edge compressed: the `bestEncoding` of a request. Not a field name (it has a colon), because a
 * server that varies by Accept-Encoding itself selects by that beside it.
 */
export const encodingSelector = 'accept-encoding:best'

/** True only of the bytes as they were. */
const fieldsOfTheBytes = ['content-length', 'content-md5', 'content-digest', 'repr-digest', 'digest']

/**
 * The head of the variant, for clients whose `bestEncoding` it is.
 *
 * Its ETag is weakened, not suffixed: two representations must not share a strong one (RFC 9110, 8.8.3.3), and a weak one still
 * validates at the server that made it, which a name with `-br` in it would not.
 */
export function compressedHead(head: KeptHead, encoding: Encoding, bytes: number): KeptHead {
  const fields = head.fields
    .filter(([name]) => !fieldsOfTheBytes.includes(name))
    .map(([name, value]) => [name, name === 'etag' ? weak(value) : value] as const)
  return {
    ...head,
    fields: withVary([...fields, ['content-encoding', encoding]]),
    selectedBy: [...head.selectedBy, [encodingSelector, encoding]],
    bytes,
  }
}

/** The fields with `Vary: Accept-Encoding`, which an answer says in whichever encoding it is given, this one included. */
export function withVary(fields: KeptHead['fields']): KeptHead['fields'] {
  const vary = fieldOf(fields, 'vary') ?? ''
  const members = membersOf(vary)
  if (members.some((member) => member === '*' || member.toLowerCase() === 'accept-encoding')) return fields
  return [...fields.filter(([name]) => name !== 'vary'), ['vary', [...members, 'Accept-Encoding'].join(', ')]]
}

function weak(etag: string): string {
  return etag.startsWith('W/') ? etag : `W/${etag}`
}
