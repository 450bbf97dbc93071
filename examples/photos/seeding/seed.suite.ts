// Seeding a running app, twice.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../../src/base/limits.ts'
import { seed } from '../seed.ts'
import type { TestPhotos } from '../testing/app.ts'
import { Person } from '../testing/person.ts'
import { timeoutMs } from '../testing/photo.ts'
import { makePlan } from './plan.ts'

const users = 6
const seedNumber = 42

export function seedSuite(photos: TestPhotos): void {
  it('does what was planned, and nothing again the second time', async () => {
    const plan = makePlan(users, seedNumber)
    const lines: string[] = []
    const fill = () =>
      seed({ baseUrl: photos.baseUrl, users, seed: seedNumber, onProgress: (line) => lines.push(line) })
    const first = await fill()
    assert.deepEqual(first, {
      users,
      follows: plan.follows.length,
      photos: plan.photos.length,
      likes: plan.photos.reduce((sum, photo) => sum + photo.likers.length, 0),
      comments: plan.photos.reduce((sum, photo) => sum + photo.comments.length, 0),
    })
    assert.deepEqual(await fill(), first)
    assert.ok(lines.includes(`users: ${users} of ${users}`), lines.join('\n'))

    const reader = new Person(photos.baseUrl, '')
    for (const [user, name] of plan.names.entries()) {
      const { id } = (await reader.post('/api/login', { name })).body
      const followers = plan.follows.filter(({ followee }) => followee === user).length
      const own = plan.photos.filter(({ owner }) => owner === user)
      const profile = await waitUntil(
        async () => {
          const { body } = await reader.get(`/api/users/${id}`)
          return body.followers === followers && body
        },
        { what: `${followers} followers of ${name}`, timeoutMs },
      )
      assert.equal(profile.photos, own.length)
      const { body } = await reader.get(`/api/users/${id}/photos`)
      const counted = (of: 'likes' | 'commentCount') =>
        body.photos.reduce((sum: number, photo: Record<typeof of, number>) => sum + photo[of], 0)
      assert.equal(
        counted('likes'),
        own.reduce((sum, photo) => sum + photo.likers.length, 0),
      )
      assert.equal(
        counted('commentCount'),
        own.reduce((sum, photo) => sum + photo.comments.length, 0),
      )
    }
  })
}
