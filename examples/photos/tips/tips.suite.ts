// Tips over the network.

import assert from 'node:assert/strict'
import { before, it } from 'node:test'
import type { TestPhotos } from '../testing/app.ts'
import { errorOf, Person } from '../testing/person.ts'

export function tipsSuite(photos: TestPhotos): void {
  const signUp = (name: string) => Person.signUp(photos.baseUrl, name)
  let ada: Person
  let bob: Person
  before(async () => {
    ada = await signUp('Tipper')
    bob = await signUp('Tipped')
  })

  it('is given once per Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'tip-1' }
    const give = () => ada.post('/api/tips', { toUserId: bob.id, cents: 250 }, key)
    const answers = await Promise.all([give(), give(), give()])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 201, 201],
    )
    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1)
    const other = await ada.post('/api/tips', { toUserId: bob.id, cents: 999 }, key)
    assert.deepEqual(errorOf(other), [409, 'conflict'])
  })

  it('needs somebody else, who exists, and whole cents', async () => {
    const give = async (toUserId: unknown, cents: unknown) => errorOf(await ada.post('/api/tips', { toUserId, cents }))
    assert.deepEqual(await give(ada.id, 100), [400, 'bad-input'])
    assert.deepEqual(await give('999', 100), [404, 'not-found'])
    assert.deepEqual(await give(bob.id, 1.5), [400, 'bad-input'])
    assert.deepEqual(await give(bob.id, -100), [400, 'bad-input'])
  })
}
