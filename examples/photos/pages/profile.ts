// A user's page: photos, the follow button, a tip.

import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { follow, followedAmong } from '../follows/follow.ts'
import { listQuery, read, userIdOf } from '../input.ts'
import { pageOf, photosOf } from '../photos/list.ts'
import type { AppTiers } from '../tiers.ts'
import { tipsReceived } from '../tips/received.ts'
import { giveTip } from '../tips/tip.ts'
import { currentUser } from '../users/current.ts'
import { type Profile, profileOf } from '../users/profile.ts'
import { avatar } from './avatar.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { sendPage } from './layout.ts'
import { gridOf, moreLink } from './pictures.ts'
import { fieldsOf, userOrWelcome } from './scope.ts'
import { counted } from './time.ts'

const tipCents = [100, 500]

export function profilePages(pages: FastifyInstance, tiers: AppTiers): void {
  const { db } = tiers

  pages.get('/users/:id', async (request, reply) => {
    const list = read(listQuery, request.query, 'query')
    const viewer = currentUser(request)
    const profile = await profileOf(db, userIdOf(request.params))
    const isOwn = viewer?.id === profile.id
    const [photos, followed, tipsCents] = await Promise.all([
      photosOf(db.of(profile.id), profile.id, list, { onlyReady: !isOwn }),
      viewer ? followedAmong(db, viewer.id, [profile.id]) : new Set<string>(),
      isOwn ? tipsReceived(db, profile.id) : 0,
    ])
    const { next } = pageOf(photos, list.limit)
    const { thanks } = request.query as { thanks?: unknown }
    const body = html`${isOwn ? ownHeading(profile, tipsCents) : othersHeading(profile, followed.has(profile.id))}
${thanks === undefined ? '' : html`<p class="notice" role="status">Your tip is on its way to ${profile.name}. Thank you!</p>`}
${photos.length > 0 ? gridOf(photos) : html`<p class="empty">${isOwn ? html`No photos yet. <a href="/upload">Show your first one.</a>` : `${profile.name} has not shown a photo yet.`}</p>`}
${moreLink(`/users/${profile.id}`, next)}`
    const tags = [`user-${profile.id}`]
    return sendPage(request, reply, { title: profile.name, body, tags, ...(isOwn && { place: 'me' }) })
  })

  pages.post('/users/:id/follow', async (request, reply) => {
    const user = userOrWelcome(request, reply)
    if (!user) return reply
    const id = userIdOf(request.params)
    await follow(tiers, user.id, id)
    return reply.redirect(`/users/${id}`, 303)
  })

  pages.post('/users/:id/tips', async (request, reply) => {
    const user = userOrWelcome(request, reply)
    if (!user) return reply
    const id = userIdOf(request.params)
    await giveTip(tiers, request, user, { toUserId: id, cents: fieldsOf(request)['cents'] })
    return reply.redirect(`/users/${id}?thanks`, 303)
  })
}

function ownHeading(profile: Profile, tipsCents: number): Html {
  const tips = tipsCents > 0 && html`<span>$${(tipsCents / 100).toFixed(2)} in tips</span>`
  return heading(
    profile,
    tips,
    html`<a class="button" href="/upload">Upload a photo</a>
<form method="post" action="/logout"><button class="quiet" type="submit">Log out</button></form>`,
  )
}

function othersHeading(profile: Profile, isFollowed: boolean): Html {
  const follow = isFollowed
    ? html`<span class="button done">Following ✓</span>`
    : html`<form method="post" action="/users/${profile.id}/follow"><button type="submit">Follow</button></form>`
  return heading(profile, null, html`${follow}${tipButtons(profile)}`)
}

function heading(profile: Profile, figure: HtmlValue, actions: Html): Html {
  return html`<section class="profile">${avatar(profile, 'large')}<div><h1>${profile.name}</h1>
<p class="figures"><span>${counted(profile.photos, 'photo', 'photos')}</span><span>${counted(profile.followers, 'follower', 'followers')}</span>${figure}</p>
<div class="actions">${actions}</div></div></section>`
}

function tipButtons(profile: Profile): Html {
  return html`<form class="tips" method="post" action="/users/${profile.id}/tips">
<input type="hidden" name="idempotencyKey" value="${randomUUID()}">
${tipCents.map((cents) => html`<button class="quiet" type="submit" name="cents" value="${cents}">Tip $${cents / 100}</button>`)}</form>`
}
