// What is said of the brokers: the weakest of them counts, and nothing is claimed that nobody has heard.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerStatusOf } from './broker-status.ts'

const nodes = ['us-east/nats-1', 'us-east/nats-2']

test('the oldest server says what is promised, one that was not asked says nothing', () => {
  const versions = new Map([
    ['us-east/nats-1', '2.10.1'],
    ['us-east/nats-2', '2.9.10'],
  ])
  const of = (queue: Parameters<typeof brokerStatusOf>[0]['queue']) =>
    brokerStatusOf({ ...(queue && { queue }) }, (id) => versions.get(id))
  assert.equal(of(undefined), undefined)
  const mixed = of({ nodes })
  assert.deepEqual([mixed?.version, mixed?.isSynced], ['2.9.10', false])
  versions.delete('us-east/nats-2')
  assert.equal(of({ nodes })?.isSynced, true)
  const former = of({ nodes: [], left: [nodes] })
  assert.deepEqual([former?.nodes, former?.left, former?.version, former?.isSynced], [[], nodes, null, null])
})
