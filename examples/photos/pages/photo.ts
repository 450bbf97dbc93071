// One photo: large, with its likes and comments.

import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { photoIdsOf } from '../input.ts'
import { commentOn } from '../photos/comment.ts'
import { type Comment, type PhotoDetail, photoDetail } from '../photos/detail.ts'
import { likePhoto } from '../photos/like.ts'
import { likedAmong } from '../photos/liked.ts'
import type { AppTiers } from '../tiers.ts'
import { currentUser } from '../users/current.ts'
import { avatar } from './avatar.ts'
import { type Html, html } from './html.ts'
import { sendPage } from './layout.ts'
import { largePicture, likeForm, photoHref } from './pictures.ts'
import { userOrWelcome } from './scope.ts'
import { ago, counted } from './time.ts'

export function photoPages(pages: FastifyInstance, tiers: AppTiers): void {
  const { db } = tiers

  pages.get('/photos/:userId/:id', async (request, reply) => {
    const keys = photoIdsOf(request.params)
    const viewer = currentUser(request)
    const [photo, liked] = await Promise.all([
      photoDetail(db, keys.userId, keys.photoId),
      viewer ? likedAmong(db, [keys], viewer.id) : new Set<string>(),
    ])
    const title = photo.caption || `Photo by ${photo.userName}`
    const body = photoBody(photo, { isLiked: liked.has(photo.id), canComment: viewer !== undefined })
    return sendPage(request, reply, { title, body, tags: [`photo-${keys.photoId}`, `user-${keys.userId}`] })
  })

  pages.post('/photos/:userId/:id/like', async (request, reply) => {
    const user = userOrWelcome(request, reply)
    if (!user) return reply
    const keys = photoIdsOf(request.params)
    await likePhoto(tiers, keys, user.id)
    return reply.redirect(photoHref({ userId: keys.userId, id: keys.photoId }), 303)
  })

  pages.post('/photos/:userId/:id/comments', async (request, reply) => {
    const user = userOrWelcome(request, reply)
    if (!user) return reply
    const keys = photoIdsOf(request.params)
    await commentOn(tiers, request, keys, user)
    return reply.redirect(`${photoHref({ userId: keys.userId, id: keys.photoId })}#comments`, 303)
  })
}

function photoBody(photo: PhotoDetail, { isLiked, canComment }: { isLiked: boolean; canComment: boolean }): Html {
  return html`<article class="single"><div class="frame">${largePicture(photo)}</div>
<div class="beside"><header class="by"><a href="/users/${photo.userId}">${avatar({ id: photo.userId, name: photo.userName }, 'medium')}<b>${photo.userName}</b></a>${ago(photo.at)}</header>
${photo.caption ? html`<h1 class="caption">${photo.caption}</h1>` : ''}
<div class="under">${likeForm(photo, isLiked)}</div>
<section id="comments"><h2>${counted(photo.commentCount, 'comment', 'comments')}</h2>
${canComment ? commentForm(photo) : html`<p><a href="/welcome?next=${encodeURIComponent(photoHref(photo))}">Log in</a> to say something.</p>`}
<ol class="comments">${photo.comments.map(commentItem)}</ol></section></div></article>`
}

function commentForm(photo: PhotoDetail): Html {
  return html`<form class="say" method="post" action="${photoHref(photo)}/comments">
<input type="hidden" name="idempotencyKey" value="${randomUUID()}">
<label><span class="unseen">Your comment</span><textarea name="text" rows="2" required maxlength="1000" placeholder="Say something kind …"></textarea></label>
<button type="submit">Comment</button></form>`
}

function commentItem(comment: Comment): Html {
  const author = { id: comment.userId, name: comment.userName }
  return html`<li>${avatar(author, 'small')}<div><a href="/users/${author.id}"><b>${author.name}</b></a> ${ago(comment.at)}<p>${comment.text}</p></div></li>`
}
