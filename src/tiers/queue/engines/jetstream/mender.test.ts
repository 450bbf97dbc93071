// A job that its consumer has gone past and forgot is published anew, under its id; one that is leased, or waits, is left alone.
//
// A server of its own forgets nothing, but for one thing: what was handed out as often as a consumer may stays in the stream and is
// handed out no more. It looks as after the fault of a cluster: before the place that was reached, and nobody's.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import type { TakenJob } from '../../contract.ts'
import { Lanes } from './lanes.ts'
import { NatsLink } from './link.ts'
import { Lookup } from './lookup.ts'
import { Mender } from './mender.ts'
import { writeHeaders } from './message.ts'
import { consumerOf, laneFor, Names } from './names.ts'
import { Notes } from './notes.ts'
import { jetStreamLimits } from './options.ts'
import { Publishes } from './publishes.ts'
import { openTestQueue, startDatabaseAndNats } from './testing.ts'

const prefix = 'mended'
const name = 'q'
const timeoutMs = 30_000

it('publishes anew what stands before the place that was reached and is nobody’s, when it was found twice', async (t) => {
  const { database, server, stop } = await startDatabaseAndNats()
  t.after(stop)
  await using worker = await openTestQueue([server], database, { prefix })
  const { queue } = worker
  const publish = async (...numbers: number[]) => {
    const jobs = numbers.map((n) => ({
      queue: name,
      body: JSON.stringify({ n }),
      options: { priority: 2 },
      trace: `t${n}`,
    }))
    return (await queue.publish(jobs)).map(({ id }) => id)
  }
  const take = () => queue.take({ queue: name, max: 10, leaseMs: 60_000, holder: 'h' })
  const takeThose = async (count: number) => {
    const taken: TakenJob[] = []
    const find = async () => taken.push(...(await take())) >= count
    await waitUntil(find, { what: `${count} jobs`, timeoutMs })
    return taken
  }

  const log = { warn() {} }
  const credentials = { username: 'app', password: server.secrets.app }
  const link = await NatsLink.open({ servers: [server], ...credentials, limits: jetStreamLimits, log })
  t.after(() => link.close())
  const names = new Names(prefix)
  const lanes = new Lanes(link, names, { replicas: 1, limits: jetStreamLimits })
  t.after(() => lanes.close())
  const publishes = new Publishes(link, lanes, names, jetStreamLimits, 'p')
  t.after(() => publishes.close())
  link.listen({ onMessage: (message) => publishes.onMessage(message) })
  let now = 0
  const mender = new Mender({
    now: () => now,
    lookup: new Lookup(link, names),
    notes: new Notes(() => database.db.shards(), log),
    log,
    laneStates: () => lanes.states(),
    publish: async (job, messageName, past) => {
      const headers = writeHeaders(link.headers(), messageName, job, past)
      await publishes.publish([{ lane: laneFor(job.queue, job.options.priority), headers, body: job.body }])
    },
  })
  const lookAt = (ms: number) => {
    now = ms
    return mender.look()
  }

  const forgotten = await publish(0, 1)
  assert.deepEqual([await lookAt(0), await lookAt(10_000)], [0, 0], 'they wait')
  const consumer = consumerOf(laneFor(name, 2))
  const handOutOnce = (max_deliver: number) => link.manager.consumers.update(names.stream, consumer, { max_deliver })
  await handOutOnce(1)
  for (const job of await takeThose(2)) await queue.retry(job, 0, 'once')
  const isForgotten = async () => {
    assert.deepEqual(await take(), [])
    const { num_ack_pending, num_pending } = await link.manager.consumers.info(names.stream, consumer)
    return num_ack_pending + num_pending === 0
  }
  await waitUntil(isForgotten, { what: 'a consumer that forgot them', timeoutMs })
  await handOutOnce(-1)

  const [third] = await publish(2)
  const leased = await takeThose(1)
  assert.equal(leased[0]?.id, third)
  assert.deepEqual([await lookAt(20_000), await lookAt(30_000)], [0, 0], 'something of the lane is leased')
  await queue.done(leased)
  assert.deepEqual([await lookAt(40_000), await lookAt(41_000)], [0, 0], 'just found')
  assert.equal(await lookAt(50_000), 2)
  const mended = await takeThose(2)
  assert.deepEqual(
    mended.map(({ id, payload, priority, trace, attempt }) => [id, payload['n'], priority, trace, attempt]),
    [
      [forgotten[0], 0, 2, 't0', 2],
      [forgotten[1], 1, 2, 't1', 2],
    ],
  )
  await queue.done(mended)
  assert.deepEqual([await lookAt(60_000), await lookAt(70_000)], [0, 0])
  assert.equal((await link.manager.streams.info(names.stream)).state.messages, 0)
})
