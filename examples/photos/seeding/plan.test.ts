// The plan of a seed: the same for the same seed, with a few celebrities.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { Chance } from './chance.ts'
import { makeJpeg } from './jpeg.ts'
import { celebritiesOf, makeNetwork } from './network.ts'
import { makePlan } from './plan.ts'

test('a few celebrities have about a third of all followers', () => {
  for (const users of [200, 2_000, 20_000]) {
    const { celebrities, following } = makeNetwork(users, 7)
    const all = following.reduce((sum, followed) => sum + followed.size, 0)
    const ofCelebrities = following.reduce(
      (sum, followed) => sum + [...followed].filter((id) => id < celebrities).length,
      0,
    )
    assert.ok(celebrities <= users / 40, `${celebrities} celebrities of ${users}`)
    const share = ofCelebrities / all
    assert.ok(share > 0.2 && share < 0.45, `${users} users: share ${share}`)
  }
})

test('nobody follows oneself, and the smallest networks hold', () => {
  assert.equal(celebritiesOf(200), 4)
  assert.equal(celebritiesOf(10_000), 25)
  for (const users of [1, 2, 3, 10]) {
    const { following } = makeNetwork(users, 1)
    following.forEach((followed, user) => {
      assert.ok(!followed.has(user))
      for (const id of followed) assert.ok(id >= 0 && id < users)
    })
  }
})

test('the same seed plans the same, another seed something else', () => {
  assert.deepEqual(makePlan(100, 1), makePlan(100, 1))
  assert.notDeepEqual(makePlan(100, 1).follows, makePlan(100, 2).follows)
})

test('names are unique', () => {
  const { names } = makePlan(5_000, 1)
  assert.equal(new Set(names.map((name) => name.toLowerCase())).size, 5_000)
})

test('pictures are JPEGs, the same for the same seed', async () => {
  const [one, again, other] = await Promise.all([1, 1, 2].map((seed) => makeJpeg(new Chance(seed, 'picture', 0, 0))))
  assert.ok(one && again && other)
  assert.equal((await sharp(one).metadata()).format, 'jpeg')
  assert.ok(one.equals(again))
  assert.ok(!one.equals(other))
})
