// Cookie keys that are rotated: which of them go, when, and that nobody else reads them.

import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rotateCookieKey } from './cookie-keys.ts'
import { type Home, homeOf } from './home.ts'
import { makeSecrets, readSecrets, writeSecrets } from './secrets.ts'

const dayMs = 86_400_000
const idleMs = 14 * dayMs

async function newHome(t: TestContext): Promise<Home> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-keys-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const home = homeOf(dir)
  await makeSecrets(home)
  return home
}

test('a new key comes first, and an old one goes when whatever it signed has ended', async (t) => {
  const home = await newHome(t)
  const { cookieKeys, ...others } = await readSecrets(home)
  const [first] = cookieKeys
  let now = Date.parse('2026-01-01T00:00:00Z')
  // When the first key was made is not known; that it signs until now is.
  assert.deepEqual(await rotateCookieKey(home, { idleMs, now }), { keys: 2, dropped: 0 })
  const second = (await readSecrets(home)).cookieKeys[0] as string
  assert.deepEqual((await readSecrets(home)).cookieKeys, [second, first])
  now += idleMs
  assert.deepEqual(await rotateCookieKey(home, { idleMs, now }), { keys: 3, dropped: 0 })
  now += 1
  assert.deepEqual(await rotateCookieKey(home, { idleMs, now }), { keys: 3, dropped: 1 })
  const { cookieKeys: keys, cookieKeysMadeAt, ...rest } = await readSecrets(home)
  assert.deepEqual(rest, others, 'nothing else changes')
  assert.equal(keys[2], second)
  assert.deepEqual(
    cookieKeysMadeAt,
    [0, -1, -1 - idleMs].map((ms) => new Date(now + ms).toISOString()),
  )
  now += idleMs + 1
  assert.deepEqual(
    await rotateCookieKey(home, { idleMs, now }),
    { keys: 2, dropped: 2 },
    'the last one has signed until now',
  )
  assert.equal((await stat(home.secrets)).mode & 0o777, 0o600)
})

test('keys that cannot go yet are not too many', async (t) => {
  const home = await newHome(t)
  const now = Date.now()
  for (let i = 0; i < 15; i++) await rotateCookieKey(home, { idleMs, now: now + i })
  const before = await readSecrets(home)
  await assert.rejects(rotateCookieKey(home, { idleMs, now: now + dayMs }), {
    code: 'conflict',
    message: /every 21 hours/,
  })
  assert.deepEqual(await readSecrets(home), before)
})

test('keys that somebody else may have all go at once, however many there are', async (t) => {
  const home = await newHome(t)
  const now = Date.now()
  for (let i = 0; i < 15; i++) await rotateCookieKey(home, { idleMs, now })
  const before = await readSecrets(home)
  assert.deepEqual(await rotateCookieKey(home, { idleMs, now, dropsOld: true }), { keys: 1, dropped: 16 })
  const { cookieKeys, cookieKeysMadeAt } = await readSecrets(home)
  assert.deepEqual([cookieKeys.length, cookieKeysMadeAt?.length], [1, 1])
  assert.ok(!before.cookieKeys.includes(cookieKeys[0] as string))
})

test('several keys of which nothing is known verify for a whole idle time more', async (t) => {
  const home = await newHome(t)
  const secrets = await readSecrets(home)
  await writeSecrets(home, { ...secrets, cookieKeys: ['a', 'b', 'c'] })
  const now = Date.now()
  assert.deepEqual(await rotateCookieKey(home, { idleMs, now }), { keys: 4, dropped: 0 })
  assert.equal((await rotateCookieKey(home, { idleMs, now: now + idleMs + 1 })).dropped, 3)
})
