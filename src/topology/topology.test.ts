// From what a user wrote to a whole topology, or to an error that helps.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTenfoldError } from '../base/errors.ts'
import { topologyReference } from './reference.ts'
import { highestBuiltRung, presetOf, rungs } from './rungs.ts'
import { resolveTopology } from './topology.ts'

test('every rung is a whole topology that could be written by hand', () => {
  for (const { number } of rungs) {
    const whole = resolveTopology({ ...presetOf(number), rung: number })
    assert.deepEqual(resolveTopology(whole), whole, `rung ${number} printed and read again`)
    assert.equal(whole.rung, number)
  }
})

test('each built rung adds to the one below it', () => {
  const shape = (rung: number) => {
    const { rung: _, ...rest } = resolveTopology({ rung })
    return JSON.stringify(rest)
  }
  for (let rung = 2; rung <= highestBuiltRung; rung++) assert.notEqual(shape(rung), shape(rung - 1))
})

test('what a user writes wins over the rung, key by key', () => {
  const topology = resolveTopology({ rung: 3, web: { count: 5 } })
  assert.equal(topology.web.count, 5)
  assert.equal(topology.front.count, 1)
  assert.equal(topology.database.placement, 'own')
})

test('a program as web tier gets the balancer that it needs on every rung', () => {
  for (const rung of [1, 2, 3]) assert.equal(resolveTopology({ rung, web: { command: 'node x.js' } }).front.count, 1)
})

const mistakes: Array<[unknown, RegExp]> = [
  [undefined, /expected an object of settings, got undefined/],
  ['rung: 3', /expected an object of settings, got "rung: 3"/],
  [{ rung: 12 }, /rung: .*<=11, got 12/],
  [{ rung: 'three' }, /rung: expected number.*got "three"/],
  [{ web: { count: 'two' } }, /web\.count: expected number.*got "two"/],
  [{ web: { cuont: 2 } }, /web\.cuont: is not a key of the topology/],
  [{ wbe: {} }, /wbe: is not a key of the topology/],
  [{ web: { healthPath: '/is it up' } }, /web\.healthPath: expected a path.*got "\/is it up"/],
  [{ web: { count: 2 } }, /web\.count: 2 web processes need a balancer: set front\.count/],
  [{ rung: 3, web: { count: 3, max: 2 } }, /web\.max: it is below web\.count 3: set it to 3 or more, got 2/],
  [{ web: { max: 4 } }, /web\.max: web processes that come and go need a balancer: set front\.count/],
  [{ worker: { count: 3, max: 2 } }, /worker\.max: it is below worker\.count 3: set it to 3 or more, got 2/],
  [{ worker: { max: 2 } }, /worker\.max: without a worker .* set worker\.count/],
  [{ queue: { nodes: 2 } }, /queue\.nodes: .*got 2/],
  [{ front: { algorithm: 'random' } }, /front\.algorithm: .*"p2c"\|"round-robin".*got "random"/],
  [{ front: { hashOn: 'header:' } }, /front\.hashOn: expected path, header:NAME or cookie:NAME, got "header:"/],
  [{ front: { trustedProxies: ['10.0.0.0/33'] } }, /front\.trustedProxies\.0: expected an address, or a network/],
  [{ front: { tls: { enabled: true } } }, /front\.tls\.enabled: the front ends TLS: set front\.count/],
  [{ edge: { enabled: true } }, /edge\.enabled: the edge lives in the front: set front\.count/],
  [{ rung: 6, front: { mode: 'tcp' } }, /front\.mode: .* have no edge/],
  [{ edge: { rules: [{ path: 'assets' }] } }, /edge\.rules\.0\.path: expected a path, `\*` standing for any/],
  [{ cache: { nodes: 2, layout: 'cluster' } }, /cache\.nodes: a cluster needs 3 primaries or more.*got 2/],
  [{ session: { store: 'shared' } }, /session\.store: the shared store is the shared cache: set cache\.nodes/],
  [{ regions: [] }, /regions: .*>=1 items/],
  [{ database: { durability: 'quorum' } }, /database\.durability: quorum needs database\.replicas/],
]

test('a mistake is named: which key, what was expected, what was got', () => {
  for (const [written, expected] of mistakes) {
    assert.throws(
      () => resolveTopology(written, 'topology.ts'),
      (error) =>
        isTenfoldError(error, 'bad-topology') && expected.test(error.message) && /topology\.ts/.test(error.message),
      `${JSON.stringify(written)} should fail with ${expected}`,
    )
  }
})

test('nothing that is read as a topology does anything but hold or fail with bad-topology', () => {
  fc.assert(
    fc.property(fc.anything(), (written) => {
      try {
        resolveTopology(written)
      } catch (error) {
        assert.ok(isTenfoldError(error, 'bad-topology'), String(error))
      }
    }),
  )
})

test('the reference page explains every key', () => {
  const page = topologyReference()
  for (const line of page.split('\n').slice(4)) assert.match(line, /^\| `[^`]+` \|.*\| \S.* \|$/, line)
  assert.equal(
    readFileSync('docs/reference/topology.md', 'utf8'),
    `${page}\n`,
    'write it anew: tenfold topology --docs',
  )
  for (const key of ['web.count', 'database.holdMsMax', 'regions[].weight']) assert.ok(page.includes(`\`${key}\``), key)
})
