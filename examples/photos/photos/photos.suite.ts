// Photos from upload to thumbnails, likes and comments, over the network.

import assert from 'node:assert/strict'
import { before, it } from 'node:test'
import sharp from 'sharp'
import { waitUntil } from '../../../src/base/limits.ts'
import type { TestPhotos } from '../testing/app.ts'
import { errorOf, Person } from '../testing/person.ts'
import { jpeg, readyPhoto, timeoutMs } from '../testing/photo.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export function photosSuite(photos: TestPhotos): void {
  const signUp = (name: string) => Person.signUp(photos.baseUrl, name)
  let ada: Person
  let bob: Person
  before(async () => {
    ada = await signUp('Ada')
    bob = await signUp('Bob')
  })

  it('is taken in, gets two thumbnails, and is served for ever', async () => {
    const { status, body } = await ada.upload(jpeg, 'Hello <b>&</b>')
    assert.equal(status, 201)
    assert.match(body.id, uuid)
    assert.deepEqual(body, { id: body.id, userId: ada.id, caption: 'Hello <b>&</b>', status: 'processing' })
    const path = `/api/photos/${ada.id}/${body.id}`
    const photo = await waitUntil(
      async () => {
        const answer = await bob.get(path)
        return answer.body.status === 'ready' && answer.body
      },
      { what: 'thumbnails', timeoutMs },
    )
    assert.deepEqual([photo.likes, photo.commentCount, photo.comments], [0, 0, []])
    for (const [size, longest] of [
      ['256', 256],
      ['1024', 1024],
    ] as const) {
      const media = await bob.get(photo.thumbnails[size])
      assert.equal(media.status, 200)
      assert.equal(media.headers.get('content-type'), 'image/jpeg')
      assert.equal(media.headers.get('cache-control'), 'public, max-age=31536000, immutable')
      const header = await sharp(media.body).metadata()
      assert.equal(Math.max(header.width, header.height), longest)
    }
    const stale = photo.thumbnails['256'].replace(/-[0-9a-f]{12}\.jpg$/, '-000000000000.jpg')
    assert.deepEqual(errorOf(await bob.get(stale)), [404, 'not-found'])
  })

  it('is one photo however often it is sent with one Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'once-please' }
    const answers = await Promise.all([1, 2, 3].map(() => bob.upload(jpeg, 'once', key)))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 201, 201],
    )
    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1)
    const { body } = await bob.get(`/api/users/${bob.id}/photos`)
    assert.equal(body.photos.filter((photo: { caption: string }) => photo.caption === 'once').length, 1)
    assert.equal((await bob.get(`/api/users/${bob.id}`)).body.photos, 1)
  })

  it('that has a header and nothing behind it fails instead of being tried for ever', async () => {
    const half = jpeg.subarray(0, jpeg.length / 2)
    const { body } = await ada.upload(half, 'half')
    const path = `/api/photos/${ada.id}/${body.id}`
    await waitUntil(async () => (await ada.get(path)).body.status === 'failed', { what: 'the failure', timeoutMs })
    assert.deepEqual((await ada.get(path)).body.thumbnails, {})
  })

  it('is refused when it is none, is too large, or nobody sent it', async () => {
    assert.deepEqual(errorOf(await ada.upload(Buffer.from('not a picture at all'))), [400, 'bad-input'])
    assert.deepEqual(errorOf(await ada.upload(Buffer.alloc(0))), [400, 'bad-input'])
    assert.deepEqual(errorOf(await ada.upload(Buffer.alloc(10 * 1024 * 1024 + 1))), [413, 'too-large'])
    assert.deepEqual(errorOf(await ada.upload(jpeg, 'x'.repeat(501))), [400, 'bad-input'])
    assert.equal((await ada.upload(jpeg, '', { 'content-type': 'image/gif' })).status, 415)
    assert.deepEqual(errorOf(await new Person(photos.baseUrl, '').upload(jpeg)), [401, 'unauthorized'])
  })

  it('counts each like once, under concurrency', async () => {
    const { path } = await readyPhoto(ada)
    const fans = await Promise.all(Array.from({ length: 6 }, (_, fan) => signUp(`Fan ${fan}`)))
    const likes = fans.flatMap((fan) => [fan.post(`${path}/like`), fan.post(`${path}/like`)])
    assert.deepEqual([...new Set((await Promise.all(likes)).map(({ status }) => status))], [200])
    assert.equal((await ada.get(path)).body.likes, 6)
    assert.deepEqual((await fans[0]?.post(`${path}/like`))?.body, { likes: 6 })
  })

  it('shows the newest 100 comments, the newest first', async () => {
    const { path } = await readyPhoto(ada)
    for (let number = 1; number <= 102; number++) {
      const { status } = await bob.post(`${path}/comments`, { text: `comment ${number}` })
      assert.equal(status, 201)
    }
    const { body } = await ada.get(path)
    assert.equal(body.commentCount, 102)
    assert.equal(body.comments.length, 100)
    assert.equal(body.comments[0].text, 'comment 102')
    assert.deepEqual([body.comments[0].userId, typeof body.comments[0].at], [bob.id, 'string'])
    assert.match(body.comments[0].id, uuid)
  })

  it('is listed under its owner, page by page', async () => {
    const carl = await signUp('Carl')
    const ids = []
    for (let number = 0; number < 5; number++) ids.unshift((await carl.upload(jpeg)).body.id)
    const path = `/api/users/${carl.id}/photos`
    const seen = []
    for (let next: string | null = ''; next !== null; ) {
      const { body } = await bob.get(`${path}?limit=2${next && `&before=${next}`}`)
      seen.push(...body.photos.map((photo: { id: string }) => photo.id))
      next = body.next
    }
    assert.deepEqual(seen, ids)
    assert.equal((await bob.get(`/api/users/${carl.id}`)).body.photos, 5)
  })
}
