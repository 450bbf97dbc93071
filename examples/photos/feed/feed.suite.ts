// Feeds, pushed and pulled, and what is popular, over the network.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../../src/base/limits.ts'
import type { TestPhotos } from '../testing/app.ts'
import { errorOf, Person } from '../testing/person.ts'
import { readyPhoto, timeoutMs } from '../testing/photo.ts'

export function feedSuite(photos: TestPhotos): void {
  const signUp = (name: string) => Person.signUp(photos.baseUrl, name)
  const idsOf = async (reader: Person) =>
    (await reader.get('/api/feed')).body.photos.map((photo: { id: string }) => photo.id)

  it('has what was there before one followed, and what comes later, the newest first', async () => {
    const [dora, reader] = await Promise.all([signUp('Dora'), signUp('Reader')])
    const older = await readyPhoto(dora)
    assert.deepEqual(await idsOf(reader), [])
    assert.deepEqual((await reader.post(`/api/users/${dora.id}/follow`)).body, { following: true })
    assert.equal((await reader.post(`/api/users/${dora.id}/follow`)).status, 200)
    await waitUntil(async () => (await idsOf(reader)).length === 1, { what: 'the backfill', timeoutMs })
    const newer = await readyPhoto(dora)
    await waitUntil(async () => (await idsOf(reader)).length === 2, { what: 'the push', timeoutMs })
    assert.deepEqual(await idsOf(reader), [newer.id, older.id])
    assert.equal((await reader.get(`/api/users/${dora.id}`)).body.followers, 1)
  })

  it('has the photos of celebrities too, which nobody pushes', async () => {
    const star = await signUp('Star')
    const early = await readyPhoto(star)
    const fans = await Promise.all(Array.from({ length: 101 }, (_, fan) => signUp(`Admirer ${fan}`)))
    await Promise.all(fans.map((fan) => fan.post(`/api/users/${star.id}/follow`)))
    await waitUntil(async () => (await star.get(`/api/users/${star.id}`)).body.followers === 101, {
      what: 'fans',
      timeoutMs,
    })
    const late = await readyPhoto(star)
    for (const fan of [fans[0], fans[100]] as Person[]) {
      await waitUntil(async () => (await idsOf(fan))[0] === late.id, { what: 'the celebrity', timeoutMs })
      assert.deepEqual(await idsOf(fan), [late.id, early.id])
    }
  })

  it('takes no wrong limits, and nobody without a session', async () => {
    const reader = await signUp('Limited')
    for (const query of ['limit=0', 'limit=51', 'limit=x', 'before=now'])
      assert.deepEqual(errorOf(await reader.get(`/api/feed?${query}`)), [400, 'bad-input'], query)
    assert.deepEqual(errorOf(await new Person(photos.baseUrl, '').get('/api/feed')), [401, 'unauthorized'])
  })

  it('has the most liked of the last day first', async () => {
    const gil = await signUp('Gil')
    const photo = await readyPhoto(gil, 'much liked')
    const fans = await Promise.all(Array.from({ length: 9 }, (_, fan) => signUp(`Liker ${fan}`)))
    await Promise.all(fans.map((fan) => fan.post(`${photo.path}/like`)))
    const first = await waitUntil(
      async () => {
        const { body } = await gil.get('/api/popular')
        return body.photos[0]?.id === photo.id && body.photos[0]
      },
      { what: 'the cached list to age', timeoutMs },
    )
    assert.equal(first.likes, 9)
  })
}
