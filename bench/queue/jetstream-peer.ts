// One process of jetstream.ts: ours as a process of the system has it, or the official client alone.

import { AckPolicy, DiscardPolicy, jetstream, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { MapSubscription } from '../../src/map/subscription.ts'
import { openDatabase } from '../../src/tiers/database/database.ts'
import { DatabaseRouter } from '../../src/tiers/database/router.ts'
import { openJetStreamQueue } from '../../src/tiers/queue/engines/jetstream/engine.ts'
import { openPostgresQueue } from '../../src/tiers/queue/engines/postgres/engine.ts'
import { openJobLedger } from '../../src/tiers/queue/engines/postgres/ledger/ledger.ts'
import { QueueTier } from '../../src/tiers/queue/queue.ts'

export type Task = { do: 'publish'; count: number; callers: number } | { do: 'drain'; count: number }

export interface Speed {
  perSecond: number
}

interface Place {
  port: number
  password: string
  mapFile: string
  databasePassword: string
}

interface Peer {
  publish(queue: string, payload: Record<string, unknown>): Promise<unknown>
  /** Resolves when so many were handled and acknowledged. */
  drain(queue: string, count: number): Promise<void>
}

const jobsAtOnce = 16
const text = 'x'.repeat(230)
const [name, placeJson = ''] = process.argv.slice(2)
const place = JSON.parse(placeJson) as Place
const peer = await (name === 'tenfold' ? openOurs(place) : openBare(place))
let queues = 0

process.on('disconnect', () => process.exit())
process.on('message', async (task: Task) => {
  const queue = `${name === 'tenfold' ? 'ours' : 'bare'}-${process.pid}-${queues++}`
  const callers = task.do === 'publish' ? task.callers : 256
  const publishing = await timed(() => publish(queue, task.count, callers))
  const ms = task.do === 'publish' ? publishing : await timed(() => peer.drain(queue, task.count))
  process.send?.({ perSecond: (task.count / ms) * 1000 } satisfies Speed)
})

async function publish(queue: string, count: number, callers: number): Promise<void> {
  let left = count
  const caller = async () => {
    while (left-- > 0) await peer.publish(queue, { n: left, text })
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

async function openOurs({ port, password, mapFile, databasePassword }: Place): Promise<Peer> {
  const map = new MapSubscription(mapFile)
  await map.start()
  const router = new DatabaseRouter({ map, secrets: { app: databasePassword }, node: `r/bench-${process.pid}` })
  await router.start()
  const database = openDatabase(router)
  const shards = () => database.shards()
  const log = { warn: console.error, error: console.error }
  const engine = await openJetStreamQueue({
    ...{ servers: [{ address: '127.0.0.1', port }], username: 'app', password, replicas: 1 },
    ...{ postgres: openPostgresQueue(shards), ledger: openJobLedger(shards), shards, log, prefix: 'bench' },
  })
  const publisher = new QueueTier(engine, { log, holder: 'r/bench' })
  return {
    publish: (queue, payload) => publisher.queue.publish(queue, payload),
    async drain(queue, count) {
      const tier = new QueueTier(engine, { log, holder: 'r/bench' })
      const { promise, resolve } = Promise.withResolvers<void>()
      let handled = 0
      tier.queue.handle(queue, { concurrency: jobsAtOnce }, async () => {
        if (++handled === count) resolve()
      })
      tier.startWorkers()
      await promise
      await tier.stopWorkers(5000)
    },
  }
}

async function openBare({ port, password }: Place): Promise<Peer> {
  const connection = await connect({ servers: `127.0.0.1:${port}`, user: 'app', pass: password })
  const manager = await jetstreamManager(connection)
  const stream = 'bare'
  const retention = RetentionPolicy.Workqueue
  await manager.streams.add({ name: stream, subjects: ['bare.>'], retention, discard: DiscardPolicy.New })
  const client = jetstream(connection)
  const made = new Set<string>()
  let ids = 0
  return {
    async publish(queue, payload) {
      if (!made.has(queue)) {
        made.add(queue)
        await manager.consumers.add(stream, {
          ...{ durable_name: queue, filter_subject: `bare.${queue}`, ack_policy: AckPolicy.Explicit },
          max_ack_pending: 20_000,
        })
      }
      await client.publish(`bare.${queue}`, JSON.stringify(payload), { msgID: `${process.pid}-${ids++}` })
    },
    async drain(queue, count) {
      const consumer = await client.consumers.get(stream, queue)
      const messages = await consumer.consume({ max_messages: 500 })
      let handled = 0
      for await (const message of messages) {
        message.json()
        handled++
        // The server takes words in their order: its answer to the last one is for all of them.
        if (handled < count) message.ack()
        else {
          await message.ackAck()
          break
        }
      }
    },
  }
}
