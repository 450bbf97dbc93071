// What is wrong, unknown or not allowed gets the right status and one shape of error.

import assert from 'node:assert/strict'
import { before, it } from 'node:test'
import type { TestPhotos } from './app.ts'
import { errorOf, Person } from './person.ts'

const unknownPhoto = '01a1fcc9-8e9e-769c-87b1-dce10be5d535'

export function badInputSuite(photos: TestPhotos): void {
  let ada: Person
  before(async () => {
    ada = await Person.signUp(photos.baseUrl, 'Ada of bad input')
  })

  it('is refused with a status, a code and a message', async () => {
    const json = (body: string) =>
      ada.send('/api/signup', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    assert.deepEqual(errorOf(await json('{"name":')), [400, 'bad-input'])
    assert.deepEqual(errorOf(await json('[]')), [400, 'bad-input'])
    assert.deepEqual(errorOf(await json('{"name":""}')), [400, 'bad-input'])
    assert.deepEqual(errorOf(await json('{"name":"a\\u0000b"}')), [400, 'bad-input'])
    assert.deepEqual(errorOf(await ada.post('/api/signup')), [400, 'bad-input'])
    assert.deepEqual(errorOf(await ada.post('/api/login', { name: 'Nobody' })), [404, 'not-found'])
  })

  it('names what is unknown', async () => {
    for (const path of [
      '/api/users/999',
      '/api/users/x',
      '/api/users/999/photos',
      `/api/photos/${ada.id}/${unknownPhoto}`,
      `/api/photos/${ada.id}/1%20OR%201=1`,
      '/api/nothing',
    ])
      assert.deepEqual(errorOf(await ada.get(path)), [404, 'not-found'], path)
    for (const path of ['/api/users/999/follow', `/api/photos/${ada.id}/${unknownPhoto}/like`])
      assert.deepEqual(errorOf(await ada.post(path)), [404, 'not-found'], path)
    const comment = await ada.post(`/api/photos/${ada.id}/${unknownPhoto}/comments`, { text: 'hi' })
    assert.deepEqual(errorOf(comment), [404, 'not-found'])
    assert.deepEqual(errorOf(await ada.post(`/api/users/${ada.id}/follow`)), [400, 'bad-input'])
  })

  it('asks for a session wherever something is done', async () => {
    const nobody = new Person(photos.baseUrl, '')
    for (const path of [
      `/api/users/${ada.id}/follow`,
      `/api/photos/${ada.id}/${unknownPhoto}/like`,
      `/api/photos/${ada.id}/${unknownPhoto}/comments`,
      '/api/tips',
    ])
      assert.deepEqual(errorOf(await nobody.post(path, {})), [401, 'unauthorized'], path)
  })
}
