// Who owns a key: all agree, and little moves.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MapNode, SystemMap } from '../../map/map.ts'
import { KeyOwner } from './key-owner.ts'

const keys = Array.from({ length: 2000 }, (_, n) => `GET http://127.0.0.1:8080/media/${n}/256.jpg`)

function mapOf(...fronts: Array<Partial<MapNode> & { id: string }>): SystemMap {
  const node = { role: 'front', region: 'us-east', state: 'ready', settings: 'x', address: '127.0.0.1' }
  return { nodes: fronts.map((front, index) => ({ ...node, port: 8100 + index, ...front })) } as unknown as SystemMap
}

/** By port; what a front owns itself has its own. */
function ownersBy(self: string, map: SystemMap): number[] {
  const owner = new KeyOwner(self)
  owner.update(map)
  const own = map.nodes.find(({ id }) => id === self)?.port as number
  return keys.map((key) => owner.of(key)?.port ?? own)
}

test('all fronts name the same owner, and each owns about its share', () => {
  const map = mapOf({ id: 'a' }, { id: 'b' }, { id: 'c' })
  const said = ownersBy('a', map)
  assert.deepEqual(ownersBy('b', map), said)
  assert.deepEqual(ownersBy('c', map), said)
  for (const port of [8100, 8101, 8102]) {
    const share = said.filter((owner) => owner === port).length / keys.length
    assert.ok(share > 0.28 && share < 0.39, `${port} owns ${share}`)
  }
})

test('when a front goes, only what it owned moves', () => {
  const before = ownersBy('a', mapOf({ id: 'a' }, { id: 'b' }, { id: 'c' }))
  const after = ownersBy('a', mapOf({ id: 'a' }, { id: 'b' }, { id: 'c', state: 'down' }))
  for (const [index, owner] of before.entries()) if (owner !== 8102) assert.equal(after[index], owner)
  assert.ok(after.every((owner) => owner !== 8102))
})

test('a front alone, and one among others that are built differently or elsewhere, owns everything', () => {
  for (const map of [
    mapOf({ id: 'a' }),
    mapOf({ id: 'a' }, { id: 'b', settings: 'y' }),
    mapOf({ id: 'a' }, { id: 'b', region: 'eu-west' }),
    mapOf({ id: 'a' }, { id: 'b', state: 'draining' }),
  ])
    assert.ok(ownersBy('a', map).every((owner) => owner === 8100))
})
