// Secrets of a system: made once, on its first start, readable by its owner only.

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { TenfoldError } from '../base/errors.ts'
import type { Home } from './home.ts'
import { replaceFile } from './store.ts'

export interface Secrets {
  /** Passwords of the PostgreSQL roles. */
  postgres: { superuser: string; replicator: string; owner: string; app: string }
  /** Keys that sign cookies: the first signs, all of them verify. */
  cookieKeys: string[]
  /** Bearer token of the control API. */
  controlToken: string
}

export async function readSecrets(home: Home): Promise<Secrets> {
  try {
    return JSON.parse(await readFile(home.secrets, 'utf8')) as Secrets
  } catch (error) {
    throw new TenfoldError('not-running', `no secrets at ${home.secrets}; \`tenfold up\` makes them`, { cause: error })
  }
}

export async function makeSecrets(home: Home): Promise<Secrets> {
  const secret = () => randomBytes(24).toString('base64url')
  const secrets: Secrets = {
    postgres: { superuser: secret(), replicator: secret(), owner: secret(), app: secret() },
    cookieKeys: [secret()],
    controlToken: secret(),
  }
  await replaceFile(home.secrets, `${JSON.stringify(secrets, null, 1)}\n`, 0o600)
  await replaceFile(home.token, `${secrets.controlToken}\n`, 0o600)
  return secrets
}
