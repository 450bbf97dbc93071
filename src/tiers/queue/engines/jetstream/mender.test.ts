// A job that its consumer has gone past and forgot is published anew, under its id; one that is leased, or waits, is left alone.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Found, Lookup } from './lookup.ts'
import { type LaneState, Mender } from './mender.ts'

const lane = { queue: 'q', name: '0' }

/** What a server holds that forgot `messages`, as far as the mender asks it. */
function forgetful(messages: number[], state: Partial<LaneState>) {
  const anew: number[] = []
  const at = (sequence: number) => ({ lane, sequence, id: String(sequence) }) as Found
  const lookup = {
    next: async (_lane: unknown, from: number) => messages.filter((n) => n >= from).map(at)[0],
    delete: async ({ sequence }: { sequence: number }) => {
      messages.splice(messages.indexOf(sequence), 1)
      return true
    },
  } as unknown as Lookup
  let now = 0
  const mender = new Mender({
    lookup,
    now: () => now,
    laneStates: async () => [{ lane, leased: 0, waiting: 1, reached: 7, messages: messages.length, ...state }],
    publishAnew: async ({ sequence }) => void anew.push(sequence),
  })
  return {
    anew,
    lookAt(ms: number) {
      now = ms
      return mender.look()
    },
  }
}

it('publishes anew what stands before the place that was reached, when it was found twice', async () => {
  const server = forgetful([3, 7, 9], {})
  assert.equal(await server.lookAt(0), 0)
  assert.equal(await server.lookAt(1000), 0)
  assert.equal(await server.lookAt(10_000), 2)
  assert.deepEqual(server.anew, [3, 7])
  assert.equal(await server.lookAt(20_000), 0)
})

it('leaves a lane alone of which something is leased, and one whose messages all wait', async () => {
  for (const state of [{ leased: 1 }, { waiting: 3 }]) {
    const server = forgetful([3, 7, 9], state)
    await server.lookAt(0)
    assert.equal(await server.lookAt(10_000), 0)
  }
})
