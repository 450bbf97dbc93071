// A link to a server that is slow: what it has not answered is bounded, also what nobody waits for any more.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import { RedisAdmin } from '../../../../programs/redis/admin.ts'
import { startTestRedis } from '../../../../programs/redis/testing.ts'
import { RedisLink } from './link.ts'
import { redisCacheLimits } from './options.ts'
import { patient } from './testing.ts'

const callsMax = 4

it('calls that were given up count until the server has answered them: no queue grows before one that is slow', async () => {
  await using server = await startTestRedis()
  const link = await RedisLink.open({
    locate: async () => server,
    username: 'app',
    password: server.secrets.app,
    limits: { ...redisCacheLimits, ...patient, callMsMax: 50, callsMax },
  })
  try {
    // The server answers each of them when there is something in the list, and what comes behind them later.
    const slow = Array.from({ length: callsMax }, () => link.send(['BLPOP', 'list', '0']))
    for (const call of slow) await assert.rejects(call, { code: 'timeout' })
    await assert.rejects(link.send(['PING']), { code: 'overloaded' })
    using admin = await RedisAdmin.connect(server)
    await admin.command('LPUSH', 'list', ...slow.map(String))
    await waitUntil(() => link.send(['PING']), { what: 'an answer', timeoutMs: 10_000 })
  } finally {
    await link.close()
  }
})
