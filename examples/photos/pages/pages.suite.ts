// The pages, used as a browser without scripts uses them: forms, redirects, cookies.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import sharp from 'sharp'
import { waitUntil } from '../../../src/base/limits.ts'
import type { TestPhotos } from '../testing/app.ts'
import { type Answer, Person } from '../testing/person.ts'
import { timeoutMs } from '../testing/photo.ts'

const jpeg = await sharp({ create: { width: 300, height: 200, channels: 3, background: '#c63' } })
  .jpeg()
  .toBuffer()

const textOf = ({ body }: Answer) => String(body)

function submit(person: Person, path: string, fields: Record<string, string>, headers = {}): Promise<Answer> {
  return person.send(path, { method: 'POST', body: new URLSearchParams(fields), headers })
}

function uploadForm(person: Person, bytes: Buffer, fields: Record<string, string> = {}): Promise<Answer> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  form.set('picture', new Blob([new Uint8Array(bytes)], { type: 'image/jpeg' }), 'picture.jpg')
  return person.send('/upload', { method: 'POST', body: form })
}

export function pagesSuite(photos: TestPhotos): void {
  const nobody = () => new Person(photos.baseUrl, '')

  async function enter(name: string): Promise<Person> {
    const person = nobody()
    const { status, headers } = await submit(person, '/signup', { name })
    assert.deepEqual([status, headers.get('location')], [303, '/'])
    return person
  }

  it('lets people in by a form, and says beside the field what was wrong', async () => {
    const mia = await enter('Mia <i>')
    assert.match(textOf(await mia.get('/')), /Your feed is waiting/)
    const taken = await submit(nobody(), '/signup', { name: 'mia <i>' })
    assert.equal(taken.status, 409)
    assert.match(textOf(taken), /role="alert">the name &quot;mia &lt;i&gt;&quot; is taken/)
    const left = await submit(mia, '/logout', {})
    assert.equal(left.status, 303)
    assert.match(textOf(await mia.get('/')), /New here\?/)
  })

  it('may be kept by an edge for those whom nobody knows, and for nobody else', async () => {
    const known = await enter('Kim')
    for (const path of ['/', '/popular', '/welcome']) {
      const shown = await nobody().get(path)
      assert.match(shown.headers.get('cdn-cache-control') ?? '', /^max-age=\d+, stale-while-revalidate=\d+$/, path)
      const fields = ['cache-tag', 'vary', 'set-cookie'].map((name) => shown.headers.get(name))
      assert.deepEqual(fields, ['popular', 'cookie', null], path)
      const own = await known.get(path)
      const kept = ['cache-control', 'cdn-cache-control', 'cache-tag'].map((name) => own.headers.get(name))
      assert.deepEqual(kept, ['no-store', null, null], path)
    }
    assert.equal((await nobody().get('/users/no-such-user')).headers.get('cdn-cache-control'), null)
  })

  it('leads back to where one wanted to go, and never to another site', async () => {
    const asked = await nobody().get('/upload')
    assert.deepEqual([asked.status, asked.headers.get('location')], [303, '/welcome?next=%2Fupload'])
    const wanted = await submit(nobody(), '/signup?next=%2Fupload', { name: 'Ned' })
    assert.equal(wanted.headers.get('location'), '/upload')
    for (const evil of ['//evil.example', '/\\evil.example', 'https://evil.example']) {
      const answer = await submit(nobody(), `/login?next=${encodeURIComponent(evil)}`, { name: 'Ned' })
      assert.equal(answer.headers.get('location'), '/', evil)
    }
  })

  it('lets a person without scripts upload, see, like and comment, each once however often the form is sent', async () => {
    const [owner, fan] = [await enter('Owner'), await enter('Fan')]
    const fields = { caption: '<script>alert(1)</script>', idempotencyKey: 'form-1' }
    const [first, second] = [await uploadForm(owner, jpeg, fields), await uploadForm(owner, jpeg, fields)]
    const page = first.headers.get('location') ?? ''
    assert.deepEqual([first.status, second.headers.get('location')], [303, page])
    await waitUntil(async () => textOf(await fan.get(page)).includes('class="picture"'), {
      what: 'the picture',
      timeoutMs,
    })
    await submit(fan, `${page}/like`, {})
    for (const _ of [1, 2]) await submit(fan, `${page}/comments`, { text: 'So <b>good</b>', idempotencyKey: 'form-2' })
    const seen = await fan.get(page)
    assert.match(textOf(seen), /aria-pressed="true"[\s\S]*<output>1<\/output>/)
    assert.equal(textOf(seen).split('So &lt;b&gt;good&lt;/b&gt;').length, 2)
    assert.ok(!textOf(seen).includes('<script>alert'))
    assert.match(seen.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  })

  it('lets one follow and tip, and the other one sees the tip once', async () => {
    const [giver, receiver] = [await enter('Giver'), await enter('Receiver')]
    const me = (await receiver.get('/api/me')).body
    await submit(giver, `/users/${me.id}/follow`, {})
    assert.match(textOf(await giver.get(`/users/${me.id}`)), /Following ✓/)
    for (const [cents, idempotencyKey] of [
      ['500', 'tip-1'],
      ['500', 'tip-1'],
      ['100', 'tip-2'],
    ] as const) {
      const { status } = await submit(giver, `/users/${me.id}/tips`, { cents, idempotencyKey })
      assert.equal(status, 303)
    }
    await waitUntil(async () => textOf(await receiver.get(`/users/${me.id}`)).includes('$6.00 in tips'), {
      what: 'the tips',
      timeoutMs,
    })
  })

  it('tells what went wrong, on a page', async () => {
    const person = await enter('Clumsy')
    const refused = await uploadForm(person, Buffer.from('no picture'), { caption: 'kept' })
    assert.equal(refused.status, 400)
    assert.match(textOf(refused), /role="alert" >these 10 bytes are no picture/)
    assert.match(textOf(refused), />kept<\/textarea>/)
    const missing = await person.get('/users/999')
    assert.equal(missing.status, 404)
    assert.match(missing.headers.get('content-type') ?? '', /^text\/html/)
    assert.match(textOf(missing), /Not here/)
  })

  it('changes nothing for a form on another site', async () => {
    const victim = await enter('Victim')
    const forgeries: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]
    for (const headers of forgeries) {
      assert.equal((await submit(victim, '/logout', {}, headers)).status, 403, JSON.stringify(headers))
      assert.equal((await victim.post('/api/logout', undefined, headers)).status, 403, JSON.stringify(headers))
    }
    assert.equal((await victim.get('/api/me')).status, 200)
    const own = { origin: photos.baseUrl }
    assert.equal((await submit(victim, '/logout', {}, own)).status, 303)
  })
}
