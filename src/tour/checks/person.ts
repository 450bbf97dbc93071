// What must hold of one acknowledged person: the account, the session, who follows, which photos.

import { TenfoldError } from '../../base/errors.ts'
import type { Finding, PersonEntry } from '../ledger.ts'
import { cookieHeader } from '../load/cookies.ts'
import { checkCount, findingOf, show } from './finding.ts'
import type { Read } from './read.ts'

const pageSize = 50
const pagesMax = 400

export async function checkPerson(person: PersonEntry, read: Read): Promise<Finding[]> {
  const find = findingOf(person.id)
  const profile = await read({ method: 'GET', path: `/api/users/${person.id}` })
  const { name, followers } = (profile.json ?? {}) as { name?: string; followers?: number }
  if (profile.status !== 200 || name !== person.name)
    return [find('signup', 'lost', `GET /api/users/${person.id} answered ${profile.status}, name ${show(name)}`)]
  const me = await read({ method: 'GET', path: '/api/me', headers: cookieHeader(person.cookies) })
  const isLoggedIn = me.status === 200 && (me.json as { id?: string }).id === person.id
  return [
    ...(isLoggedIn ? [] : [find('session', 'lost', `GET /api/me answered ${me.status}, it was ${person.name}`)]),
    ...checkCount(find, 'follow', followers, person.followers, person.followersInDoubt),
    ...checkListing(person, await listPhotos(person.id, read)),
  ]
}

function checkListing(person: PersonEntry, listed: ReadonlyArray<{ id: string; caption: string }>): Finding[] {
  const find = findingOf(person.id)
  const ids = new Set(listed.map((photo) => photo.id))
  const captions = listed.map((photo) => photo.caption)
  const lost = person.photos.filter((photo) => !ids.has(photo.id))
  const doubled = captions.filter((caption, index) => captions.indexOf(caption) !== index)
  return [
    ...lost.map((photo) => find('upload', 'lost', `photo ${photo.id} is not among the user's photos`)),
    ...doubled.map((caption) => find('upload', 'doubled', `photo ${show(caption)} is there more than once`)),
  ]
}

async function listPhotos(userId: string, read: Read): Promise<Array<{ id: string; caption: string }>> {
  const all: Array<{ id: string; caption: string }> = []
  for (let page = 0; page < pagesMax; page++) {
    const before = all.length === 0 ? '' : `&before=${all.at(-1)?.id}`
    const { status, json } = await read({
      method: 'GET',
      path: `/api/users/${userId}/photos?limit=${pageSize}${before}`,
    })
    if (status !== 200) throw new TenfoldError('unavailable', `the photos of user ${userId} answered ${status}`)
    const photos = listOf<{ id: string; caption: string }>(json)
    all.push(...photos)
    if (photos.length < pageSize) return all
  }
  throw new TenfoldError('too-large', `user ${userId} has more than ${pagesMax * pageSize} photos`)
}

/** A list, or an object whose one list is meant. */
function listOf<T>(json: unknown): T[] {
  if (Array.isArray(json)) return json
  const list = Object.values(json ?? {}).find((value) => Array.isArray(value))
  if (!list) throw new TenfoldError('bad-input', `expected a list, got ${show(json)}`)
  return list as T[]
}
