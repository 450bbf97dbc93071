// What every service inherits from Lifecycle.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lifecycle } from './lifecycle.ts'
import { stressLifecycle } from './lifecycle-stress.ts'
import { seededRandom } from './random.ts'

class Counter extends Lifecycle {
  opened = 0
  most = 0
  failsNext = false

  protected async open(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.failsNext) {
      this.failsNext = false
      throw new Error('cannot open')
    }
    this.most = Math.max(this.most, ++this.opened)
  }

  protected async close(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.opened--
  }
}

test('start and stop from all sides open and close in turn, never twice', async () => {
  const seed = Date.now() >>> 0
  const counter = new Counter()
  await stressLifecycle(counter, seededRandom(seed), async () => counter.isRunning && counter.opened === 1)
  assert.equal(counter.opened, 0, `seed ${seed}`)
  assert.equal(counter.most, 1, `seed ${seed}`)
})

test('stop during start waits for it and undoes it', async () => {
  const counter = new Counter()
  const starting = counter.start()
  await counter.stop()
  await starting
  assert.equal(counter.opened, 0)
  assert.equal(counter.isRunning, false)
})

test('a start that failed can be tried again', async () => {
  const counter = new Counter()
  counter.failsNext = true
  await assert.rejects(counter.start(), /cannot open/)
  assert.equal(counter.isRunning, false)
  await counter.stop()
  await counter.start()
  assert.equal(counter.isRunning, true)
  await counter.stop()
})

test('the stress finds a service that opens twice', async () => {
  let opened = 0
  const careless = {
    start: async () => {
      opened++
    },
    stop: async () => {
      if (opened === 0) throw new Error('stop without start')
      opened = 0
    },
  }
  await assert.rejects(stressLifecycle(careless, seededRandom(1), async () => true))
})
