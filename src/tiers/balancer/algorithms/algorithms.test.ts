// The algorithms by themselves: shares, order, and what the papers behind them promise.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../base/random.ts'
import { ServerState } from '../server-state.ts'
import type { Algorithm } from './algorithm.ts'
import { boundedRing } from './bounded-ring.ts'
import { leastConnections } from './least-connections.ts'
import { powerOfTwo } from './power-of-two.ts'
import { roundRobin } from './round-robin.ts'
import { hashOfBytes, hashOfText } from './text-hash.ts'
import { weightedRoundRobin } from './weighted-round-robin.ts'

const nowMs = 1000

test('smooth weighted round robin gives 5, 1, 1 the order of its worked example', () => {
  const servers = serversOf(5, 1, 1)
  assert.equal(order(weightedRoundRobin(), servers, 7), 'aabacaa')
})

test('weighted round robin gives exactly by weight over one round, whatever the weights', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(weights, (given) => {
      const servers = serversOf(...given)
      const round = order(
        weightedRoundRobin(),
        servers,
        given.reduce((sum, weight) => sum + weight, 0),
      )
      for (const [i, weight] of given.entries()) assert.equal(countOf(round, i), weight)
    }),
  )
})

test('a server that ramps up gets a tenth at first, then more and more, and its whole share in the end', () => {
  for (const algorithm of [roundRobin(seededRandom(1)), weightedRoundRobin()]) {
    const servers = serversOf(1, 1)
    servers[1]?.rampUp(0, 1000)
    const shares = [0, 500, 1000].map((atMs) => countOf(order(algorithm, servers, 1000, { atMs }), 1))
    assert.ok(shares[0] !== undefined && shares[0] > 50 && shares[0] < 150, `${shares}`)
    assert.ok(shares[1] !== undefined && shares[1] > 270 && shares[1] < 400, `${shares}`)
    assert.ok(shares[2] !== undefined && shares[2] > 450, `${shares}`)
  }
})

test('least connections goes by requests under way for the weight', () => {
  const servers = serversOf(1, 3)
  const [a, b] = servers as [ServerState, ServerState]
  a.inFlight = 1
  b.inFlight = 4
  assert.equal(leastConnections().pick(servers, 0, nowMs), b, '5 of 3 is less than 2 of 1')
  b.inFlight = 6
  assert.equal(leastConnections().pick(servers, 0, nowMs), a)
})

test('p2c takes the cheaper of two by latency times requests under way, as in its worked example', () => {
  const servers = serversOf(1, 1)
  const [fast, slow] = servers as [ServerState, ServerState]
  fast.latency.record(2, nowMs)
  slow.latency.record(30, nowMs)
  fast.inFlight = 9
  const p2c = powerOfTwo(seededRandom(1))
  for (let i = 0; i < 20; i++) assert.equal(p2c.pick(servers, 0, nowMs), fast)
  fast.inFlight = 15
  for (let i = 0; i < 20; i++) assert.equal(p2c.pick(servers, 0, nowMs), slow)
})

test('p2c asks a server that nobody knows once, and not again before it has answered', () => {
  const servers = serversOf(1, 1)
  const [known, unknown] = servers as [ServerState, ServerState]
  known.latency.record(50, nowMs)
  const p2c = powerOfTwo(seededRandom(2))
  assert.equal(p2c.pick(servers, 0, nowMs), unknown)
  unknown.inFlight = 1
  known.inFlight = 100
  assert.equal(p2c.pick(servers, 0, nowMs), known)
})

test('p2c never asks the worst of three or more, and asks a slow one again when its slowness is long ago', () => {
  const servers = serversOf(1, 1, 1)
  servers[0]?.latency.record(5, nowMs)
  servers[1]?.latency.record(5, nowMs)
  servers[2]?.latency.record(5000, nowMs)
  const p2c = powerOfTwo(seededRandom(3))
  assert.equal(countOf(order(p2c, servers, 300), 2), 0)
  for (const server of servers.slice(0, 2)) server.latency.record(5, nowMs + 100_000)
  assert.ok(countOf(order(p2c, servers, 300, { atMs: nowMs + 100_000 }), 2) > 50)
})

test('a ring gives each server its share, moves only the keys of a server that goes, and gives them back with it', () => {
  const all = serversOf(1, 1, 2)
  const ring = boundedRing()
  ring.follow?.(all)
  const keys = Array.from({ length: 4000 }, (_, i) => hashOfText(`/photos/${i}`))
  const placed = keys.map((key) => ring.pick(all, key, nowMs))
  const shares = all.map((server) => placed.filter((other) => other === server).length / keys.length)
  for (const [i, wanted] of [0.25, 0.25, 0.5].entries())
    assert.ok(Math.abs((shares[i] as number) - wanted) < 0.08, `${shares}`)
  const [gone, ...rest] = all
  for (const [i, key] of keys.entries()) if (placed[i] !== gone) assert.equal(ring.pick(rest, key, nowMs), placed[i])
  for (const [i, key] of keys.entries()) assert.equal(ring.pick(all, key, nowMs), placed[i])
})

test('on a ring a server that is new takes keys from the others and moves none between them', () => {
  const all = serversOf(1, 1, 1, 1)
  const [before, after] = [boundedRing(), boundedRing()]
  before.follow?.(all.slice(0, 3))
  after.follow?.(all)
  for (let i = 0; i < 2000; i++) {
    const key = hashOfText(`k${i}`)
    const server = after.pick(all, key, nowMs)
    if (server !== all[3]) assert.equal(server, before.pick(all.slice(0, 3), key, nowMs))
  }
})

test('on a bounded ring no server gets more than a quarter above the average, however popular one key is', () => {
  const all = serversOf(1, 1, 1, 1)
  const ring = boundedRing()
  ring.follow?.(all)
  for (let i = 0; i < 400; i++) ring.pick(all, hashOfText('celebrity'), nowMs).inFlight++
  assert.equal(
    all.reduce((sum, { inFlight }) => sum + inFlight, 0),
    400,
  )
  for (const { inFlight } of all) assert.ok(inFlight <= Math.ceil((1.25 * 400) / 4), `${inFlight}`)
  const unbounded = boundedRing(Number.POSITIVE_INFINITY)
  unbounded.follow?.(all)
  assert.equal(new Set(Array.from({ length: 50 }, () => unbounded.pick(all, 7, nowMs))).size, 1)
})

test('a text hashes to the same number as its bytes, and neighbours far apart', () => {
  const bytes = Buffer.from('xx/photos/1xx')
  assert.equal(hashOfBytes(bytes, 2, bytes.length - 2), hashOfText('/photos/1'))
  const tops = new Set(Array.from({ length: 200 }, (_, i) => hashOfText(`10.0.0.${i}`) >>> 28))
  assert.equal(tops.size, 16, 'the high bits of neighbours are poor')
})

function serversOf(...weights: number[]): ServerState[] {
  return weights.map((weight, i) => {
    const id = String.fromCharCode(97 + i)
    return new ServerState({ id, address: '127.0.0.1', port: i + 1, weight, isDraining: false })
  })
}

function order(algorithm: Algorithm, servers: readonly ServerState[], picks: number, { atMs = nowMs } = {}): string {
  return Array.from({ length: picks }, (_, i) => algorithm.pick(servers, hashOfText(`${i}`), atMs).upstream.id).join('')
}

function countOf(order: string, index: number): number {
  return order.split(String.fromCharCode(97 + index)).length - 1
}
