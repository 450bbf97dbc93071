// Cookie keys as a process follows them: none that was dropped stays good because of when a process was started, or because
// the file could not be read for a moment.

import assert from 'node:assert/strict'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { waitUntil } from '../base/limits.ts'
import { rotateCookieKey } from '../map/cookie-keys.ts'
import { homeOf } from '../map/home.ts'
import type { SystemMap } from '../map/map.ts'
import { makeSecrets, readSecrets } from '../map/secrets.ts'
import { FollowedCookieKeys } from './cookie-keys.ts'

async function newContext(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-followed-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const home = homeOf(dir)
  const secrets = await makeSecrets(home)
  const listeners = new Set<(map: SystemMap) => void>()
  const map = {
    current: { cookieKeysVersion: 0 } as SystemMap,
    onChange(listener: (map: SystemMap) => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const warnings: string[] = []
  const log = { warn: (_: unknown, text?: unknown) => void warnings.push(String(text)) }
  return {
    context: { home, secrets, map, log },
    warnings,
    rotate: () => rotateCookieKey(home, { idleMs: 0, now: Date.now(), dropsOld: true }),
    tell() {
      map.current = { ...map.current, cookieKeysVersion: (map.current.cookieKeysVersion ?? 0) + 1 }
      for (const listener of listeners) listener(map.current)
    },
  }
}

test('keys that were dropped while a process started are not good in it', async (t) => {
  const { context, rotate, tell } = await newContext(t)
  // It has read its secrets, and hears of the change before it follows the keys.
  await rotate()
  tell()
  const keys = await FollowedCookieKeys.open(context)
  t.after(() => keys.close())
  assert.deepEqual(keys.current, (await readSecrets(context.home)).cookieKeys)
})

test('secrets that cannot be read are tried again, until the dropped keys are gone', async (t) => {
  const { context, rotate, tell, warnings } = await newContext(t)
  const keys = await FollowedCookieKeys.open(context)
  t.after(() => keys.close())
  await rotate()
  const { cookieKeys } = await readSecrets(context.home)
  const { secrets } = context.home
  await rename(secrets, `${secrets}.away`)
  tell()
  await waitUntil(() => warnings.length > 0, { what: 'a warning', timeoutMs: 10_000 })
  assert.deepEqual(keys.current, context.secrets.cookieKeys)
  await rename(`${secrets}.away`, secrets)
  await waitUntil(() => keys.current[0] === cookieKeys[0], { what: 'the new key', timeoutMs: 10_000 })
  assert.deepEqual(keys.current, cookieKeys)
})
