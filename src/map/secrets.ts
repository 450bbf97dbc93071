// Secrets of a system: made once, on its first start, readable by its owner only.

import { randomBytes } from 'node:crypto'
import type { Home } from './home.ts'
import { readJson, replaceFile } from './store.ts'

export interface Secrets {
  /** Passwords of the PostgreSQL roles. */
  postgres: { superuser: string; replicator: string; owner: string; app: string }
  /** Passwords of the users of the shared cache's servers. */
  redis: { admin: string; app: string; replica: string }
  /** Passwords of the users of the queue's servers, and of those servers among each other. */
  nats: { admin: string; app: string; route: string }
  /** Keys that sign cookies: the first signs, all of them verify. */
  cookieKeys: string[]
  /** When each of them was made, ISO 8601; empty where it is not known. Absent until they are rotated (cookie-keys.ts). */
  cookieKeysMadeAt?: string[]
  /** Bearer token of the control API. */
  controlToken: string
}

/** @throws not-running when there are none; unavailable when they are there and cannot be read. */
export async function readSecrets(home: Home): Promise<Secrets> {
  return (await readJson(home.secrets, `no secrets at ${home.secrets}; \`tenfold up\` makes them`)) as Secrets
}

/** What an earlier version of ours made lacks those that came since: they are added, and nothing else changes. */
export async function completeSecrets(home: Home, secrets: Secrets): Promise<Secrets> {
  const { redis, nats }: Partial<Secrets> = secrets
  if (redis && nats) return secrets
  const whole = { ...secrets, redis: redis ?? redisSecrets(), nats: nats ?? natsSecrets() }
  await writeSecrets(home, whole)
  return whole
}

export async function makeSecrets(home: Home): Promise<Secrets> {
  const secrets: Secrets = {
    postgres: { superuser: secret(), replicator: secret(), owner: secret(), app: secret() },
    redis: redisSecrets(),
    nats: natsSecrets(),
    cookieKeys: [secret()],
    controlToken: secret(),
  }
  // The secrets last: while they are missing, the next start makes both anew.
  await replaceFile(home.token, `${secrets.controlToken}\n`, 0o600)
  await writeSecrets(home, secrets)
  return secrets
}

/** Whole or not at all. For the one supervisor of the system. */
export function writeSecrets(home: Home, secrets: Secrets): Promise<void> {
  return replaceFile(home.secrets, `${JSON.stringify(secrets, null, 1)}\n`, 0o600)
}

function redisSecrets(): Secrets['redis'] {
  return { admin: secret(), app: secret(), replica: secret() }
}

function natsSecrets(): Secrets['nats'] {
  return { admin: secret(), app: secret(), route: secret() }
}

function secret(): string {
  return randomBytes(24).toString('base64url')
}
