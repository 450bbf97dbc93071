// The best of a day, kept by the job of the night.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../../src/base/limits.ts'
import type { TestPhotos } from '../testing/app.ts'
import { errorOf, Person } from '../testing/person.ts'
import { readyPhoto, timeoutMs } from '../testing/photo.ts'

export function daysSuite(photos: TestPhotos): void {
  it('are kept once, the most liked first, and stay as they are', async () => {
    const [owner, fan, reader] = await Promise.all(
      ['Day owner', 'Day fan', 'Day reader'].map((name) => Person.signUp(photos.baseUrl, name)),
    )
    assert.ok(owner && fan && reader)
    const [best, second, other] = [await readyPhoto(owner), await readyPhoto(owner), await readyPhoto(owner)]
    for (const [person, { path }] of [
      [fan, best],
      [reader, best],
      [fan, second],
    ] as const)
      assert.equal((await person.post(`${path}/like`)).status, 200)
    await everythingCounted()
    const day = new Date().toISOString().slice(0, 10)
    const kept = async () =>
      (await reader.get(`/api/days/${day}`)).body.photos.map((photo: { id: string }) => photo.id) as string[]
    const ours = (ids: string[]) => ids.filter((id) => [best.id, second.id, other.id].includes(id))

    await photos.publish('day.over', { day })
    const first = await waitUntil(async () => (await rowsOf(day)) > 0 && (await kept()), {
      what: 'the day',
      timeoutMs,
    })
    assert.deepEqual(ours(first), [best.id, second.id], 'what nobody liked is left out')

    await reader.post(`${second.path}/like`)
    await fan.post(`${other.path}/like`)
    await everythingCounted()
    const rows = await rowsOf(day)
    await photos.publish('day.over', { day })
    await waitUntil(async () => (await waiting()) === 0, { what: 'the second run', timeoutMs })
    assert.equal(await rowsOf(day), rows)
    const page = String((await reader.get(`/days/${day}`)).body)
    assert.ok(page.includes(best.path.replace('/api', '')), 'its page shows it')
  })

  it('have no such day', async () => {
    const reader = new Person(photos.baseUrl, '')
    for (const day of ['2026-02-30', 'yesterday', '1']) {
      assert.deepEqual(errorOf(await reader.get(`/api/days/${day}`)), [404, 'not-found'], day)
      assert.equal((await reader.get(`/days/${day}`)).status, 404, day)
    }
    assert.deepEqual((await reader.get('/api/days/1999-12-31')).body, { photos: [] })
  })

  const count = async (text: string) => Number((await photos.sql<{ count: string }>(text))[0]?.count)
  const rowsOf = (day: string) => count(`SELECT count(*) FROM days WHERE day = '${day}'`)
  const waiting = () => count(`SELECT count(*) FROM tenfold.jobs WHERE queue = 'day.over'`)
  const everythingCounted = () =>
    waitUntil(async () => (await count('SELECT count(*) FROM likes_uncounted')) === 0, {
      what: 'the likes counted',
      timeoutMs,
    })
}
