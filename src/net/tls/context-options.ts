// How TLS is spoken: versions, ciphers and tickets, the same for every certificate. After Mozilla's "intermediate" profile
// (Server Side TLS 5.7) without finite-field DHE, which is slow and which no client of TLS 1.2 with ECDHE needs. Every cipher
// here is one that HTTP/2 allows (RFC 9113, 9.2.2).

import { constants } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'

const ciphers = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
].join(':')

export const contextOptions: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ciphers,
  // All are good; a phone without AES in hardware knows best that it wants ChaCha20.
  honorCipherOrder: false,
  // A client could keep a connection of TLS 1.2 busy with handshakes for ever, and HTTP/2 forbids them (RFC 9113, 9.2.1).
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
  // Node's default is made of the command line: a ticket of one process would be none to the next.
  sessionIdContext: 'tenfold',
}
