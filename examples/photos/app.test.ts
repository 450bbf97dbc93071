// The whole API over the network, on the real web process and a real PostgreSQL.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import sharp from 'sharp'
import { waitUntil } from '../../src/base/limits.ts'
import { startTestPhotos, type TestPhotos } from './testing/app.ts'
import { errorOf, Person } from './testing/person.ts'

const timeoutMs = 20_000
const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
const jpeg = await sharp({ create: { width: 1200, height: 800, channels: 3, background: '#888', noise } })
  .jpeg()
  .toBuffer()
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const unknownPhoto = '01a1fcc9-8e9e-769c-87b1-dce10be5d535'

let photos: TestPhotos
let ada: Person
let bob: Person
const signUp = (name: string) => Person.signUp(photos.baseUrl, name)

before(async () => {
  photos = await startTestPhotos()
  ada = await signUp('Ada')
  bob = await signUp('Bob')
})
after(() => photos[Symbol.asyncDispose]())

async function readyPhoto(owner: Person, caption = ''): Promise<{ path: string; id: string }> {
  const { status, body } = await owner.upload(jpeg, caption)
  assert.equal(status, 201, JSON.stringify(body))
  const path = `/api/photos/${body.userId}/${body.id}`
  await waitUntil(async () => (await owner.get(path)).body.status === 'ready', { what: 'thumbnails', timeoutMs })
  return { path, id: body.id }
}

describe('people', () => {
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
    assert.deepEqual(errorOf(await new Person(photos.baseUrl, '').post('/api/signup', { name: 'ADA' })), [
      409,
      'conflict',
    ])
    const tries = Array.from({ length: 8 }, () => new Person(photos.baseUrl, '').post('/api/signup', { name: 'Rush' }))
    const statuses = (await Promise.all(tries)).map(({ status }) => status).sort()
    assert.deepEqual(statuses, [201, 409, 409, 409, 409, 409, 409, 409])
  })

  it('may be called like SQL, and nothing is lost', async () => {
    const name = `Robert'); DROP TABLE users; --`
    const robert = await signUp(name)
    const { body } = await robert.get(`/api/users/${robert.id}`)
    assert.deepEqual(body, { id: robert.id, name, followers: 0, photos: 0 })
    assert.equal((await ada.get(`/api/users/${ada.id}`)).status, 200)
  })
})

describe('a photo', () => {
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
})

describe('a feed', () => {
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
    for (const query of ['limit=0', 'limit=51', 'limit=x', 'before=now'])
      assert.deepEqual(errorOf(await ada.get(`/api/feed?${query}`)), [400, 'bad-input'], query)
    assert.deepEqual(errorOf(await new Person(photos.baseUrl, '').get('/api/feed')), [401, 'unauthorized'])
  })
})

describe('popular', () => {
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
})

describe('a tip', () => {
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
})

describe('bad input', () => {
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
})
