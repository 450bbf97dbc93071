// Locks and rate limits in Redis: the suite, and what a server that lost everything does to tokens.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import { locksConformance } from '../../shared/locks-conformance.ts'
import { startHoldingProcess } from '../../shared/testing/holding-process.ts'
import { openOver, startServers } from './testing.ts'

locksConformance('redis', {
  async open() {
    const servers = await startServers(1)
    const [one, two] = [await openOver(servers), await openOver(servers)]
    const close = async () => {
      await one.close()
      await two.close()
      await servers[Symbol.asyncDispose]()
    }
    const [server] = servers
    const env = { PORT: String(server?.port), PASSWORD: server?.secrets.app ?? '' }
    const script = new URL('testing/holder.ts', import.meta.url)
    const hold = (name: string, holdMs: number) => startHoldingProcess(script, env, { name, holdMs })
    return { one, two, hold, close }
  },
})

it('tokens grow over a server that was killed and lost all it had', async () => {
  await using servers = await startServers(1)
  await using cache = await openOver(servers)
  const before = await cache.locks.acquire('lock', { holdMs: 60_000 })
  await servers[0]?.kill()
  await servers[0]?.start()
  const after = await waitUntil(() => cache.locks.acquire('lock', { holdMs: 60_000 }), {
    what: 'the lock',
    timeoutMs: 10_000,
  })
  assert.ok(before && after.token > before.token)
})
