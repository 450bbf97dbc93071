// Servers that are killed, pause, and lose the leader of the stream, under load: nothing that was acknowledged is lost, jobs
// of one key keep their order, publishes succeed or fail clearly and in time, and workers go on afterwards by themselves.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { isTenfoldError } from '../../../../base/errors.ts'
import { waitUntil } from '../../../../base/limits.ts'
import { startTestNatsCluster, type TestNats } from '../../../../programs/nats/testing.ts'
import { QueueTier } from '../../queue.ts'
import type { JetStreamQueue } from './engine.ts'
import { openTestQueue, startDatabaseAndNats } from './testing.ts'

const quiet = { info() {}, warn() {}, error() {} }
const timeoutMs = 60_000
const keys = ['a', 'b', 'c', 'd']

const { database, server, stop } = await startDatabaseAndNats()
after(stop)

describe('one server', () => {
  it('is killed and started anew, twice, and then everything goes on', async () => {
    await underLoad([server], async ({ handled }) => {
      for (let i = 0; i < 2; i++) {
        await server.kill()
        await server.start()
        const before = handled()
        await waitUntil(() => handled() > before + 100, { what: 'jobs that are handled afterwards', timeoutMs })
      }
    })
  })

  it('pauses for longer than a publish may take, and then everything goes on', async () => {
    await underLoad(
      [server],
      async ({ handled, failed }) => {
        server.signal('SIGSTOP')
        try {
          await waitUntil(() => failed() > 0, { what: 'a publish that fails', timeoutMs })
        } finally {
          server.signal('SIGCONT')
        }
        const before = handled()
        await waitUntil(() => handled() > before + 100, { what: 'jobs that are handled afterwards', timeoutMs })
      },
      { publishMsMax: 1500 },
    )
  })

  it('is gone: jobs of transactions are kept and come when it is back, others fail clearly and within their time', async () => {
    await using test = await openTestQueue([server], database, { prefix: 'gone', limits: { publishMsMax: 300 } })
    const { queue } = test
    const name = `gone.${randomUUID()}`
    const watch = queue.watch(() => {})
    try {
      await queue.publish([{ queue: name, body: '{"n":0}', options: {} }])
      await server.kill()
      await assert.rejects(queue.publish([{ queue: name, body: '{}', options: {} }]), { code: 'unavailable' })
      await assert.rejects(queue.take({ queue: name, max: 1, leaseMs: 10_000, holder: 'h' }), { code: 'unavailable' })
      await database.db
        .slot(3)
        .transaction((tx) => queue.publishIn(tx, [{ queue: name, body: '{"n":1}', options: {} }]))
      await server.start()
      const found = new Set<unknown>()
      await waitUntil(
        async () => {
          const jobs = await queue.take({ queue: name, max: 5, leaseMs: 10_000, holder: 'h' })
          for (const { payload } of jobs) found.add(payload['n'])
          await queue.done(jobs)
          return found.has(0) && found.has(1)
        },
        { what: 'both jobs', timeoutMs },
      )
    } finally {
      await watch.close()
    }
  })
})

describe('a cluster of three', () => {
  it('loses the leader of the stream, and goes on with the other two', async () => {
    await using servers = await startTestNatsCluster()
    await underLoad(servers, async ({ handled, queue }) => {
      const leading = await queue.streamLeader()
      const leader = servers.find(({ settings }) => settings.name === leading)
      assert.ok(leader, 'the stream has a leader')
      await leader.kill()
      const before = handled()
      await waitUntil(() => handled() > before + 200, { what: 'jobs that are handled afterwards', timeoutMs })
      await leader.start()
      await leader.healthy()
    })
  })
})

interface Load {
  queue: JetStreamQueue
  handled(): number
  failed(): number
}

/** Publishes and handles jobs meanwhile, with and without keys, and judges what became of them. */
async function underLoad(
  servers: readonly TestNats[],
  work: (load: Load) => Promise<void>,
  limits: { publishMsMax?: number } = {},
): Promise<void> {
  await using test = await openTestQueue(servers, database, { prefix: `load-${randomUUID().slice(0, 8)}`, limits })
  const name = `load.${randomUUID().slice(0, 8)}`
  const acknowledged = new Set<number>()
  const handled = new Map<number, number>()
  const orders = new Map<string, number[]>(keys.map((key) => [key, []]))
  let failed = 0
  let isOver = false
  const tier = new QueueTier(test.queue, { log: quiet })
  tier.queue.handle<{ n: number; key?: string }>(name, { concurrency: 32, leaseMs: 2000 }, async ({ payload }) => {
    if (!handled.has(payload.n) && payload.key !== undefined) orders.get(payload.key)?.push(payload.n)
    handled.set(payload.n, (handled.get(payload.n) ?? 0) + 1)
  })
  tier.startWorkers()
  let n = 0
  const publishers = [undefined, undefined, ...keys].map(async (key) => {
    while (!isOver) {
      const mine = n++
      const payload = key === undefined ? { n: mine } : { n: mine, key }
      try {
        await tier.queue.publish(name, payload, key === undefined ? {} : { key })
        acknowledged.add(mine)
      } catch (error) {
        assert.ok(isTenfoldError(error, 'unavailable'), String(error))
        failed++
      }
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })
  try {
    const load = { queue: test.queue, handled: () => handled.size, failed: () => failed }
    await waitUntil(() => handled.size > 100, { what: 'jobs', timeoutMs })
    await work(load)
    isOver = true
    await Promise.all(publishers)
    const missing = () => [...acknowledged].filter((one) => !handled.has(one))
    await waitUntil(() => missing().length === 0, { what: 'every acknowledged job', timeoutMs }).catch((error) => {
      throw new Error(`${missing().length} of ${acknowledged.size} are not handled: ${missing().slice(0, 20)}`, {
        cause: error,
      })
    })
  } finally {
    isOver = true
    await Promise.all(publishers)
    await tier.stopWorkers(5000)
  }
  for (const [key, order] of orders) {
    assert.ok(order.length > 10, `${order.length} jobs of key ${key}`)
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
      `the order of key ${key}`,
    )
  }
}
