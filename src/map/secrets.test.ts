// Secrets that an earlier version made.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { homeOf } from './home.ts'
import { completeSecrets, makeSecrets, readSecrets, type Secrets } from './secrets.ts'

test('what came since is added once, for the owner only, and nothing else changes', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-secrets-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const home = homeOf(dir)
  const made = await makeSecrets(home)
  assert.equal(await completeSecrets(home, made), made, 'nothing is missing')

  const { redis: _, ...older } = made
  await writeFile(home.secrets, JSON.stringify(older))
  const whole = await completeSecrets(home, older as Secrets)
  const { redis, ...rest } = whole
  assert.deepEqual(rest, older)
  assert.equal(new Set([redis.admin, redis.app, redis.replica, made.redis.admin]).size, 4)
  assert.deepEqual(await readSecrets(home), whole)
  assert.equal((await stat(home.secrets)).mode & 0o777, 0o600)
  assert.equal(await completeSecrets(home, whole), whole)
  assert.equal(JSON.parse(await readFile(home.secrets, 'utf8')).redis.app, redis.app)

  const { nats: __, ...withoutQueue } = made
  const again = await completeSecrets(home, withoutQueue as Secrets)
  assert.deepEqual({ ...again, nats: undefined }, { ...made, nats: undefined })
  assert.equal(new Set([...Object.values(again.nats), made.nats.app]).size, 4)
})
