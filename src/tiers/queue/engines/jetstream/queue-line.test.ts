// One queue's lanes, when the connection goes away between two of them.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { TenfoldError } from '../../../../base/errors.ts'
import { LaneDeliveries } from './deliveries.ts'
import type { NatsLink } from './link.ts'
import { Names } from './names.ts'
import { QueueLine } from './queue-line.ts'

const names = new Names('test')
const max = 5
const always = Number.NEGATIVE_INFINITY

it('hands out what a lane brought when the connection is lost before the next one is asked', async () => {
  let isUp = true
  const lanes: LaneDeliveries[] = []
  const publish = (subject: string, _body: string, { reply }: { reply: string }) => {
    const lane = lanes.find(({ lane: { queue, name } }) => subject.endsWith(`${queue}=${name}`))
    if (!lane) return
    queueMicrotask(() => {
      if (lane.lane.name === '3') {
        lane.onMessage({ message: {} as never, reply: '$JS.ACK', count: 1, sequence: 1 })
        isUp = false
      } else lane.onStatus(reply, 404, 'No Messages')
    })
  }
  const link = {
    get connection() {
      if (!isUp) throw new TenfoldError('unavailable', 'no NATS server can be reached')
      return { publish }
    },
  } as unknown as NatsLink
  const line = new QueueLine((lane) => {
    const deliveries = new LaneDeliveries(link, names, lane, { inbox: `in.${lane.name}.`, onSilent() {} })
    lanes.push(deliveries)
    return deliveries
  })
  line.add({ queue: 'q', name: '0' })
  await line.take(max, always)
  // Its turn comes before that of the other one.
  line.add({ queue: 'q', name: '3' })
  const taken = await line.take(max, always)
  assert.deepEqual(
    taken.map(({ lane }) => lane.name),
    ['3'],
  )
  await assert.rejects(line.take(max, always), { code: 'unavailable' })
})
