// Signing up, in and out, over the network.

import assert from 'node:assert/strict'
import { before, it } from 'node:test'
import type { TestPhotos } from '../testing/app.ts'
import { errorOf, Person } from '../testing/person.ts'

export function usersSuite(photos: TestPhotos): void {
  const signUp = (name: string) => Person.signUp(photos.baseUrl, name)
  let ada: Person
  before(async () => {
    ada = await signUp('Ada of users')
  })

  it('sign up, are known by their session, log out and in again', async () => {
    const eve = await signUp('  Eve ')
    assert.match(eve.id, /^[1-9][0-9]{0,18}$/)
    assert.deepEqual((await eve.get('/api/me')).body, { id: eve.id, name: 'Eve' })
    assert.equal((await eve.post('/api/logout')).status, 204)
    assert.deepEqual(errorOf(await eve.get('/api/me')), [401, 'unauthorized'])
    assert.deepEqual((await eve.post('/api/login', { name: 'Eve' })).body, { id: eve.id, name: 'Eve' })
    assert.deepEqual((await eve.get('/api/me')).body, { id: eve.id, name: 'Eve' })
  })

  it('cannot take a name twice, not even at the same time', async () => {
    assert.deepEqual(errorOf(await new Person(photos.baseUrl, '').post('/api/signup', { name: 'ADA OF USERS' })), [
      409,
      'conflict',
    ])
    const tries = Array.from({ length: 8 }, () => new Person(photos.baseUrl, '').post('/api/signup', { name: 'Rush' }))
    const statuses = (await Promise.all(tries)).map(({ status }) => status).sort()
    assert.deepEqual(statuses, [201, 409, 409, 409, 409, 409, 409, 409])
  })

  it('are signed up once per Idempotency-Key, however often the request comes', async () => {
    const key = { 'idempotency-key': 'signup-1' }
    const tries = Array.from({ length: 5 }, () =>
      new Person(photos.baseUrl, '').post('/api/signup', { name: 'Twice' }, key),
    )
    const answers = await Promise.all(tries)
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
    assert.equal(new Set(answers.map(({ body }) => (body as { id: string }).id)).size, 1)
  })

  it('may be called like SQL, and nothing is lost', async () => {
    const name = `Robert'); DROP TABLE users; --`
    const robert = await signUp(name)
    const { body } = await robert.get(`/api/users/${robert.id}`)
    assert.deepEqual(body, { id: robert.id, name, followers: 0, photos: 0 })
    assert.equal((await ada.get(`/api/users/${ada.id}`)).status, 200)
  })
}
