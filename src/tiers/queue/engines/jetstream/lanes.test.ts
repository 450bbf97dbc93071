// Lanes that others make anew: how long the server waits for a word about a job is what this process counts on, still.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startTestNats } from '../../../../programs/nats/testing.ts'
import { Lanes } from './lanes.ts'
import { NatsLink } from './link.ts'
import { consumerOf, Names } from './names.ts'
import { jetStreamLimits } from './options.ts'

const leaseMs = 30_000

it('asks anew how long the server waits, when another process has made the lane again', async () => {
  await using server = await startTestNats()
  const log = { warn() {} }
  const credentials = { username: 'app', password: server.secrets.app }
  const link = await NatsLink.open({ servers: [server], ...credentials, limits: jetStreamLimits, log })
  try {
    const names = new Names('lanes')
    const open = () => new Lanes(link, names, { replicas: 1, limits: jetStreamLimits })
    const lane = { queue: 'q', name: '0' }
    const mine = open()
    await mine.ensure(lane)
    await mine.ackMsFor(lane, leaseMs)
    await link.manager.consumers.delete(names.stream, consumerOf(lane))
    const another = open()
    await another.ensure(lane)
    await mine.verify(lane)
    await mine.ackMsFor(lane, leaseMs)
    const { config } = await link.manager.consumers.info(names.stream, consumerOf(lane))
    assert.ok((config.ack_wait ?? 0) / 1_000_000 > leaseMs, `${config.ack_wait} ns`)
    mine.close()
    another.close()
  } finally {
    await link.close()
  }
})
