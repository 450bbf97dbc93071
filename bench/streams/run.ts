// Streams, on both engines beside each other: how much is appended, how much is read by one group and by several, and how long an
// entry takes to a handler. One process, a real PostgreSQL and a real NATS server, every append durable.
// Run: node -C source bench/streams/run.ts [--seconds 3] [--groups 4]

import { parseArgs } from 'node:util'
import { startTestNats } from '../../src/programs/nats/testing.ts'
import { startTestDatabase } from '../../src/tiers/database/testing.ts'
import { openJetStreamStreams } from '../../src/tiers/queue/engines/jetstream/streams/engine.ts'
import { openPostgresStreams } from '../../src/tiers/queue/engines/postgres/streams/engine.ts'
import { queueSql } from '../../src/tiers/queue/engines/postgres/testing.ts'
import { WakeUps } from '../../src/tiers/queue/engines/postgres/wake-ups.ts'
import type { StreamEngine } from '../../src/tiers/queue/streams/contract.ts'
import { StreamTier } from '../../src/tiers/queue/streams/streams.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '3' }, groups: { type: 'string', default: '4' } },
})
const runMs = Number(values.seconds) * 1000
const groups = Number(values.groups)
const log = { info() {}, warn() {}, error() {} }
const payload = { text: 'x'.repeat(200) }

await using database = await startTestDatabase({ sql: await queueSql() })
await using nats = await startTestNats()
const shards = () => database.db.shards()
const listen = { map: database.map, password: database.server.secrets.app, node: 'bench' }
const wakeUps = new WakeUps(shards, listen)
const postgres = openPostgresStreams(shards, { wakeUps })
const login = { servers: [nats], username: 'app', password: nats.secrets.app }
const jetstream = await openJetStreamStreams({ ...login, postgres, replicas: 1, node: 'bench', log })
const engines: Array<[string, StreamEngine]> = [
  ['postgres', postgres],
  ['jetstream', jetstream],
]
try {
  await measureAppends()
  for (const count of [1, groups]) for (const [name, engine] of engines) await measureReading(name, engine, count)
  for (const [name, engine] of engines) await measureDelivery(name, engine)
} finally {
  await jetstream.close()
  await wakeUps.close()
}

async function measureAppends(): Promise<void> {
  const stream = new StreamTier(postgres, { log }).streams.stream('bench')
  const many = Array.from({ length: 500 }, () => ({ payload }))
  print('append, one caller', await perSecond(1, async () => (await stream.append(payload)) && 1))
  print('append, 64 callers', await perSecond(64, async () => (await stream.append(payload)) && 1))
  print('appendMany, 500 at once', await perSecond(1, async () => (await stream.appendMany(many)).length))
}

async function perSecond(callers: number, work: () => Promise<number>): Promise<number> {
  const startMs = performance.now()
  let count = 0
  const call = async () => {
    while (performance.now() - startMs < runMs) {
      const done = await work() // `count +=` before it would take the count of before the wait
      count += done
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  return (count * 1000) / (performance.now() - startMs)
}

/** From the start of what was appended before: a group that catches up. */
async function measureReading(name: string, engine: StreamEngine, count: number): Promise<void> {
  const tier = new StreamTier(engine, { log })
  let read = 0
  for (let i = 0; i < count; i++)
    tier.streams.consume('bench', { group: `${name}-${count}-${i}`, from: 'start', batchMax: 500 }, async (entries) => {
      read += entries.length
    })
  const startMs = performance.now()
  tier.startReaders()
  await new Promise((resolve) => setTimeout(resolve, runMs))
  print(`${name}, read by ${count} together`, (read * 1000) / (performance.now() - startMs))
  await tier.stopReaders(5000)
}

async function measureDelivery(name: string, engine: StreamEngine): Promise<void> {
  const tier = new StreamTier(engine, { log })
  const stream = tier.streams.stream(`delivery-${name}`)
  let delays: number[] = []
  for (let i = 0; i < groups; i++)
    stream.consume({ group: `g${i}`, from: 'start' }, async (entries) => {
      for (const { payload: sent } of entries) delays.push(performance.now() - (sent['at'] as number))
    })
  tier.startReaders()
  const append = async (ms: number) => {
    const until = performance.now() + ms
    while (performance.now() < until) {
      await stream.append({ at: performance.now() })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  await append(runMs) // until the copy is there and followed
  delays = []
  await append(runMs)
  delays.sort((a, b) => a - b)
  const at = (share: number) => (delays[Math.floor(delays.length * share)] ?? 0).toFixed(1)
  console.log(`${`${name}, to ${groups} handlers`.padEnd(32)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)
  await tier.stopReaders(5000)
}

function print(what: string, rate: number): void {
  console.log(`${what.padEnd(32)} ${Math.round(rate).toLocaleString('en').padStart(9)} /s`)
}
