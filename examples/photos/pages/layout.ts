// The frame of every page.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AppTiers } from '../tiers.ts'
import { currentUser } from '../users/current.ts'
import { avatar } from './avatar.ts'
import { type Html, html } from './html.ts'

type Asset = AppTiers['asset']

declare module 'fastify' {
  interface FastifyInstance {
    /** Of the tiers, for the frame of every page. */
    asset: Asset
  }
}

/** Nothing from elsewhere, no script or style inside a page, no frame around it. */
const contentSecurityPolicy =
  "default-src 'none'; img-src 'self' blob:; style-src 'self'; script-src 'self'; connect-src 'self'; " +
  "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export interface Page {
  title: string
  body: Html
  /** Which entry of the navigation is lit. */
  place?: 'feed' | 'popular' | 'upload' | 'me'
  status?: number
  /** What it is made of: the edge keeps it for visitors whom nobody knows, and it is purged by these. */
  tags?: readonly string[]
}

export function sendPage(request: FastifyRequest, reply: FastifyReply, page: Page): FastifyReply {
  return reply
    .code(page.status ?? 200)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      ...cacheFields(request, page),
    })
    .send(whole(request, reply.server.asset, page).text)
}

/** A page shows who looks at it, so only that of a visitor without a session is the same for others. A browser always asks. */
function cacheFields(request: FastifyRequest, { status = 200, tags }: Page): Record<string, string> {
  const isForEverybody = tags !== undefined && status === 200 && request.method === 'GET' && !currentUser(request)
  if (!isForEverybody) return { 'cache-control': 'no-store' }
  return {
    'cache-control': 'no-cache',
    'cdn-cache-control': 'max-age=10, stale-while-revalidate=60',
    'cache-tag': tags.join(','),
    vary: 'cookie',
  }
}

function whole(request: FastifyRequest, asset: Asset, page: Page): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · Tenfold Photos</title>
<link rel="icon" href="${asset('icon.svg')}" type="image/svg+xml">
<link rel="stylesheet" href="${asset('style.css')}">
<script src="${asset('page.js')}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
${navigation(request, asset, page.place)}
<main id="main">${page.body}</main>
<footer>One app, from one machine to millions of users. Built with <b>Tenfold</b>.</footer>
</body>
</html>`
}

function navigation(request: FastifyRequest, asset: Asset, place: Page['place']): Html {
  const user = currentUser(request)
  const entry = (name: Page['place'], href: string, text: string) =>
    html`<a href="${href}" ${name === place ? html`aria-current="page"` : ''}>${text}</a>`
  return html`<header class="bar"><nav aria-label="Main">
<a class="brand" href="/"><img src="${asset('icon.svg')}" alt="" width="28" height="28"><span>Photos</span></a>
${user ? entry('feed', '/', 'Feed') : ''}
${entry('popular', '/popular', 'Popular')}
<span class="gap"></span>
${
  user
    ? html`<a class="button" href="/upload" ${place === 'upload' ? html`aria-current="page"` : ''}>Upload</a>
<a class="me" href="/users/${user.id}" title="${user.name}" ${place === 'me' ? html`aria-current="page"` : ''}>${avatar(user, 'small')}<span class="me-name">${user.name}</span></a>`
    : html`<a class="button" href="/welcome">Sign up or log in</a>`
}
</nav></header>`
}
