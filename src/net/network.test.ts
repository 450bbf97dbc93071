// Networks as a topology names them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isNetwork, networksOf } from './network.ts'

test('an address and a network with a prefix that fits are taken, and nothing else', () => {
  for (const good of ['10.0.0.7', '10.0.0.0/8', '0.0.0.0/0', '::1', 'fd00::/8', '2001:db8::/128'])
    assert.ok(isNetwork(good), good)
  for (const bad of [
    '',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    'fd00::/129',
    'localhost',
    'fd00::/1e1',
  ])
    assert.ok(!isNetwork(bad), bad)
})

test('a list knows who is in one of its networks', () => {
  const list = networksOf(['10.0.0.0/8', '192.168.1.1', 'fd00::/8'])
  for (const inside of ['10.255.1.1', '192.168.1.1']) assert.ok(list.check(inside), inside)
  for (const outside of ['11.0.0.1', '192.168.1.2']) assert.ok(!list.check(outside), outside)
  assert.ok(list.check('fd12::1', 'ipv6'))
  assert.ok(!list.check('fe80::1', 'ipv6'))
})
