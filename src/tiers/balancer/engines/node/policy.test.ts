// What the policy learns from requests, and what they cost the budget.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { ask, openBench } from '../../testing/bench.ts'
import { openNodeBalancer } from './engine.ts'

test('the budget pays for retries, and not for failures of what cannot be sent again', async (t) => {
  const budget = { retryBudgetBurst: 1, retryBudgetRatio: 0 }
  const open = async (upstreams: Parameters<typeof openNodeBalancer>[0]) => openNodeBalancer(upstreams, budget)
  const { port, servers } = await openBench(t, open, ['a', 'b'], { ejectAfter: 1000 })
  const asked = () => servers.flatMap((server) => server.asked).length
  for (let i = 0; i < 3; i++) assert.equal((await ask(port, '/reset', { method: 'POST', body: 'x' })).status, 502)
  assert.equal(asked(), 3)
  assert.equal((await ask(port, '/reset')).status, 502)
  assert.equal(asked(), 5, 'the one retry that there was')
  assert.equal((await ask(port, '/reset')).status, 502)
  assert.equal(asked(), 6, 'none is left')
})

test('a client that uploads slowly makes its server no slower to p2c', async (t) => {
  const { port, servers } = await openBench(t, async (upstreams) => openNodeBalancer(upstreams), ['a', 'b'], {
    algorithm: 'p2c',
  })
  for (let i = 0; i < 6; i++) await ask(port, '/bytes/1')
  const call = request({ host: '127.0.0.1', port, path: '/echo', method: 'POST', agent: false })
  call.write('x'.repeat(100_000))
  await setTimeout(600)
  call.end('y')
  const [response] = await once(call, 'response')
  response.resume()
  await once(response, 'end')
  const uploaded = servers.find(({ asked }) => asked.includes('/echo'))
  const before = uploaded?.asked.length ?? 0
  // Slower than the other one can seem by chance, and quicker than the upload was.
  for (const server of servers) if (server !== uploaded) server.delayMs = 150
  for (let i = 0; i < 10; i++) await ask(port, '/bytes/1')
  assert.ok((uploaded?.asked.length ?? 0) - before >= 5, `${(uploaded?.asked.length ?? 0) - before} of 10 since`)
})
