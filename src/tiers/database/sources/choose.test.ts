// The choice of a replica, as properties over all of them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Candidate, chooseReplica, type Need } from './choose.ts'

const candidate: fc.Arbitrary<Candidate> = fc.record({
  isFit: fc.boolean(),
  position: fc.option(fc.bigInt({ min: 0n, max: 20n }), { nil: undefined }),
  checkedAt: fc.integer({ min: 0, max: 20 }),
  load: fc.integer({ min: 0, max: 5 }),
})
const need: fc.Arbitrary<Need> = fc.record({
  position: fc.oneof(fc.bigInt({ min: 0n, max: 20n }), fc.constant('anything' as const)),
  checkedAfter: fc.integer({ min: -1, max: 20 }),
  turn: fc.nat(),
})

const canAnswer = ({ isFit, position, checkedAt }: Candidate, need: Need) =>
  isFit &&
  position !== undefined &&
  checkedAt > need.checkedAfter &&
  (need.position === 'anything' || position >= need.position)

test('a replica is chosen exactly when one can answer, and it is one of those with the least load', () => {
  fc.assert(
    fc.property(fc.array(candidate, { maxLength: 8 }), need, (replicas, need) => {
      const able = replicas.filter((replica) => canAnswer(replica, need))
      const chosen = chooseReplica(replicas, need)
      assert.equal(chosen !== undefined, able.length > 0)
      if (chosen) assert.ok(able.includes(chosen) && able.every(({ load }) => load >= chosen.load))
    }),
  )
})

test('equals take turns', () => {
  const equals = [0, 1, 2].map(() => ({ isFit: true, position: 1n, checkedAt: 1, load: 0 }))
  const chosen = [0, 1, 2].map((turn) => chooseReplica(equals, { position: 1n, checkedAfter: 0, turn }))
  assert.equal(new Set(chosen).size, 3)
})
