// News: a table made of the stream of events.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../../src/base/limits.ts'
import type { TestPhotos } from '../testing/app.ts'
import { errorOf, Person } from '../testing/person.ts'
import { readyPhoto, timeoutMs } from '../testing/photo.ts'

export function newsSuite(photos: TestPhotos): void {
  it('say what others did, the newest first, once however often it was done', async () => {
    const [owner, fan] = await Promise.all(
      ['News owner', 'News fan'].map((name) => Person.signUp(photos.baseUrl, name)),
    )
    assert.ok(owner && fan)
    const photo = await readyPhoto(owner)
    assert.deepEqual((await owner.get('/api/news')).body, { news: [] })
    for (const [person, path, body] of [
      [fan, `/api/users/${owner.id}/follow`, undefined],
      [fan, `${photo.path}/like`, undefined],
      [fan, `${photo.path}/like`, undefined],
      [owner, `${photo.path}/like`, undefined],
      [owner, `${photo.path}/comments`, { text: 'my own' }],
      [fan, `${photo.path}/comments`, { text: 'well seen' }],
    ] as const) {
      const { status } = await person.post(path, body)
      assert.ok(status === 200 || status === 201, `${path}: ${status}`)
    }
    const news = async () =>
      (await owner.get('/api/news')).body.news.map(({ kind, byId, byName, photoId }: Record<string, unknown>) => ({
        ...{ kind, byId, byName, photoId },
      }))
    const expected = ['commented', 'liked', 'followed'].map((kind) => ({
      ...{ kind, byId: fan.id, byName: 'News fan', photoId: kind === 'followed' ? null : photo.id },
    }))
    await waitUntil(async () => (await news()).length >= 3, { what: 'the news', timeoutMs })
    assert.deepEqual(await news(), expected)
    // Made anew from what the stream has, with what is there already.
    await photos.sql(`DELETE FROM news WHERE user_id = '${owner.id}' AND kind = 'liked'`)
    await photos.sql(`UPDATE tenfold.stream_groups SET xid = '0', seq = 0, epoch = epoch + 1 WHERE group_name = 'news'`)
    await waitUntil(async () => (await news()).length >= 3, { what: 'the news made anew', timeoutMs })
    assert.deepEqual(await news(), expected)
  })

  it('are for whom they concern', async () => {
    assert.deepEqual(errorOf(await new Person(photos.baseUrl, '').get('/api/news')), [401, 'unauthorized'])
  })
}
