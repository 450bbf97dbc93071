// How a server of ours is called in HAProxy. The name holds its place, so that a server which comes back elsewhere under its
// id is another one: HAProxy keeps no health of the old place for it.

import { createHash } from 'node:crypto'
import type { Upstream } from '../../contract.ts'

const cookieChars = 16
const idMax = 0x7fffffff

/** `us-east/web-1` at 127.0.0.1:4001 is `us-east:web-1:127.0.0.1:4001`. HAProxy takes letters, digits and `-_.:`. */
export function serverName({ id, address, port }: Upstream): string {
  return `${id}:${address}:${port}`.replace(/[^A-Za-z0-9.:-]/g, (char) =>
    char === '/' ? ':' : `_${char.charCodeAt(0).toString(16)}_`,
  )
}

/**
 * The number by which HAProxy knows a server: places on the hash ring follow from it. So it comes from the id, not from the
 * order: a server that goes moves nobody else, and several balancers agree.
 */
export function serverNumber({ id }: Upstream): number {
  return (createHash('sha256').update(id).digest().readUInt32BE(0) % idMax) + 1
}

/** What the sticky cookie says: the same in every balancer and every engine, and it tells a client nothing. */
export function cookieValue({ id }: Upstream): string {
  return createHash('sha256').update(`tenfold-server ${id}`).digest('base64url').slice(0, cookieChars)
}
