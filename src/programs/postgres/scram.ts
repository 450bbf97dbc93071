// A password as PostgreSQL keeps it. Made here, so that no statement and no server log ever holds the password itself.
// Source: RFC 5802, 3 (StoredKey = H(HMAC(SaltedPassword, "Client Key")), ServerKey = HMAC(SaltedPassword, "Server
// Key")); PostgreSQL manual, 54.1 pg_authid: SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, in base64.
// Our passwords are base64url, which SASLprep leaves as it is.

import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

const iterations = 4096

export async function scramVerifier(password: string): Promise<string> {
  const salt = randomBytes(16)
  const salted = await promisify(pbkdf2)(password, salt, iterations, 32, 'sha256')
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest()
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`
}
