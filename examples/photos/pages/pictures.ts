// Photos on pages: large ones in a stream, small ones in a grid, and what stands there while the thumbnails are made.

import type { PhotoCard } from '../photos/card.ts'
import { avatar } from './avatar.ts'
import { type Html, html } from './html.ts'
import { ago, counted } from './time.ts'

export function photoHref(photo: { userId: string; id: string }): string {
  return `/photos/${photo.userId}/${photo.id}`
}

/** In a stream or on its own page: the picture with its place kept free, so that nothing jumps. */
export function largePicture(photo: PhotoCard): Html {
  const large = photo.thumbnails['1024']
  if (!large) return placeholder(photo)
  const alt = photo.caption || `Photo by ${photo.userName}`
  return html`<img class="picture" src="${large}" alt="${alt}" width="${photo.width}" height="${photo.height}" loading="lazy" decoding="async">`
}

/** page.js asks for its state and puts the picture in its place. */
function placeholder(photo: PhotoCard): Html {
  const isFailed = photo.status === 'failed'
  return html`<div class="placeholder ${photo.status}" ${isFailed ? '' : html`data-processing="${photo.userId}/${photo.id}"`} role="status">
${isFailed ? 'This picture could not be read' : html`<span class="spinner" aria-hidden="true"></span>Making thumbnails …`}</div>`
}

/** `liked`: the ids of those that the viewer likes. */
export function streamOf(photos: readonly PhotoCard[], liked: ReadonlySet<string>): Html {
  return html`<div class="stream">${photos.map(
    (photo) => html`<article class="card">
<header class="by"><a href="/users/${photo.userId}">${avatar({ id: photo.userId, name: photo.userName }, 'medium')}<b>${photo.userName}</b></a>${ago(photo.at)}</header>
<a class="frame" href="${photoHref(photo)}">${largePicture(photo)}</a>
<div class="under">${likeForm(photo, liked.has(photo.id))}<a class="quiet" href="${photoHref(photo)}#comments">${counted(photo.commentCount, 'comment', 'comments')}</a></div>
${photo.caption ? html`<p class="caption">${photo.caption}</p>` : ''}
</article>`,
  )}</div>`
}

export function likeForm(photo: PhotoCard, isLiked: boolean): Html {
  return html`<form method="post" action="${photoHref(photo)}/like" data-like="${photo.userId}/${photo.id}">
<button class="like" type="submit" aria-pressed="${isLiked ? 'true' : 'false'}" aria-label="Like"><span aria-hidden="true">♥</span> <output>${photo.likes.toLocaleString('en')}</output></button></form>`
}

export function gridOf(photos: readonly PhotoCard[], { showsNames = false } = {}): Html {
  return html`<ul class="grid">${photos.map(
    (photo) => html`<li><a href="${photoHref(photo)}">${tile(photo)}<span class="over">
${showsNames ? html`<span class="who">${photo.userName}</span>` : html`<span></span>`}<span>♥ ${photo.likes.toLocaleString('en')}</span></span></a></li>`,
  )}</ul>`
}

function tile(photo: PhotoCard): Html {
  const { '256': small, '1024': large } = photo.thumbnails
  if (!small || !large) return placeholder(photo)
  return html`<img src="${small}" srcset="${small} 256w, ${large} 1024w" sizes="(max-width: 700px) 33vw, 300px" alt="${photo.caption || `Photo by ${photo.userName}`}" width="256" height="256" loading="lazy" decoding="async">`
}

export function moreLink(path: string, next: string | null): Html {
  return next === null
    ? html``
    : html`<p class="more"><a class="button quiet" href="${path}?before=${next}" rel="next">Older photos</a></p>`
}
