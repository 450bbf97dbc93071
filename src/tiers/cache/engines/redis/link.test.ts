// A link to a server that is slow, or does not let us in.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import { RedisAdmin } from '../../../../programs/redis/admin.ts'
import { lowerFence, raiseFence } from '../../../../programs/redis/fence.ts'
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

it('a server that does not let us in is told of once, and used when it does', async () => {
  await using server = await startTestRedis()
  const refusals: string[] = []
  const link = await RedisLink.open({
    locate: async () => server,
    username: 'app',
    password: server.secrets.app,
    limits: { ...redisCacheLimits, ...patient, reconnectMsMin: 1, reconnectMsMax: 1 },
    onRefused: ({ message }) => refusals.push(message),
  })
  try {
    await raiseFence(server.files, server)
    await waitUntil(() => refusals.length > 0, { what: 'the refusal', timeoutMs: 10_000 })
    await lowerFence(server.files, server)
    await waitUntil(() => link.isUp, { what: 'the way in', timeoutMs: 10_000 })
    assert.deepEqual(
      refusals.map((message) => message.split(' ')[0]),
      ['WRONGPASS'],
    )
  } finally {
    await link.close()
  }
})
