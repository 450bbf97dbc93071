// The feed, and people to follow beside it. Who has no session sees the door instead.

import type { FastifyInstance } from 'fastify'
import { bestOfDay, dayBefore } from '../days/day.ts'
import { readFeed } from '../feed/read.ts'
import { followedAmong } from '../follows/follow.ts'
import { listQuery, read } from '../input.ts'
import { likedAmong } from '../photos/liked.ts'
import { pageOf } from '../photos/list.ts'
import { popularPhotos } from '../photos/popular.ts'
import type { AppTiers } from '../tiers.ts'
import { currentUser } from '../users/current.ts'
import { mostFollowed } from '../users/most-followed.ts'
import type { Profile } from '../users/profile.ts'
import { avatar } from './avatar.ts'
import { type Html, html } from './html.ts'
import { sendPage } from './layout.ts'
import { gridOf, moreLink, streamOf } from './pictures.ts'
import { counted } from './time.ts'
import { welcomeBody } from './welcome.ts'

const peopleShownMax = 6

export function feedPages(pages: FastifyInstance, tiers: AppTiers): void {
  pages.get('/', async (request, reply) => {
    const user = currentUser(request)
    if (!user)
      return sendPage(request, reply, { title: 'Welcome', body: await welcomeBody(tiers, request), tags: ['popular'] })
    const list = read(listQuery, request.query, 'query')
    const [photos, people] = await Promise.all([readFeed(tiers, user.id, list), strangers(tiers, user.id)])
    const { next } = pageOf(photos, list.limit)
    const refs = photos.map((photo) => ({ userId: photo.userId, photoId: photo.id }))
    const liked = await likedAmong(tiers.db, refs, user.id)
    const body = html`<div class="columns"><section aria-label="Feed">${photos.length > 0 ? streamOf(photos, liked) : emptyFeed()}${moreLink('/', next)}</section>
${peopleToFollow(people)}</div>`
    return sendPage(request, reply, { title: 'Feed', place: 'feed', body })
  })

  pages.get('/popular', async (request, reply) => {
    const yesterday = dayBefore(new Date())
    const [photos, best] = await Promise.all([popularPhotos(tiers), bestOfDay(tiers, yesterday)])
    const body = html`<h1>Popular today</h1>${
      photos.length > 0
        ? gridOf(photos, { showsNames: true })
        : html`<p class="empty">Nobody has shown a photo today. <a href="/upload">Be the first.</a></p>`
    }${best.length > 0 && html`<section><h2><a href="/days/${yesterday}">Best of yesterday</a></h2>${gridOf(best, { showsNames: true })}</section>`}`
    return sendPage(request, reply, { title: 'Popular', place: 'popular', body, tags: ['popular'] })
  })
}

/** The most followed people that the reader does not follow yet. */
async function strangers(tiers: AppTiers, userId: string): Promise<Profile[]> {
  const people = await mostFollowed(tiers)
  const known = await followedAmong(
    tiers.db,
    userId,
    people.map((person) => person.id),
  )
  return people.filter((person) => person.id !== userId && !known.has(person.id)).slice(0, peopleShownMax)
}

function emptyFeed(): Html {
  return html`<div class="empty"><h1>Your feed is waiting</h1><p>Follow somebody and their photos appear here. <a href="/popular">See what is popular</a>, or <a href="/upload">show a photo of your own</a>.</p></div>`
}

function peopleToFollow(people: readonly Profile[]): Html {
  if (people.length === 0) return html``
  return html`<aside class="panel people"><h2>People to follow</h2><ul>${people.map(
    (person) =>
      html`<li><a href="/users/${person.id}">${avatar(person, 'medium')}<span><b>${person.name}</b><small>${counted(person.followers, 'follower', 'followers')}</small></span></a></li>`,
  )}</ul></aside>`
}
