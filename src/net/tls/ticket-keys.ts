// Keys of session tickets. Processes that serve one address must understand each other's tickets, or every second connection
// of a client makes a full handshake; so the keys are drawn from a secret that they share, anew for each day, and no process
// has to tell another.

import { hkdfSync } from 'node:crypto'

/** What node asks for: 16 bytes of name, 16 of HMAC key, 16 of AES key. */
const ticketKeyBytes = 48
const dayMs = 24 * 3_600_000

export function ticketPeriodOf(nowMs: number): number {
  return Math.floor(nowMs / dayMs)
}

/** HKDF of RFC 5869. A ticket of the day before is met with a full handshake. */
export function ticketKeysOf(secret: Buffer, period: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), `tenfold tls tickets ${period}`, ticketKeyBytes))
}
