// The door: sign up with a name, or log in with it. Without passwords, since this is a sample.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { nameBody, read } from '../input.ts'
import { popularPhotos } from '../photos/popular.ts'
import type { AppTiers } from '../tiers.ts'
import { type Account, logIn, signUp } from '../users/account.ts'
import { startSession } from '../users/current.ts'
import { type Html, html } from './html.ts'
import { sendPage } from './layout.ts'
import { gridOf } from './pictures.ts'
import { fieldsOf } from './scope.ts'

const popularShownMax = 8

export function welcomePages(pages: FastifyInstance, tiers: AppTiers): void {
  pages.get('/welcome', async (request, reply) =>
    sendPage(request, reply, { title: 'Welcome', body: await welcomeBody(tiers, request), tags: ['popular'] }),
  )

  for (const [path, enter] of [
    ['/signup', (request: FastifyRequest, name: string) => signUp(tiers, request, name)],
    ['/login', (_request: FastifyRequest, name: string) => logIn(tiers.db, name)],
  ] as const)
    pages.post(path, async (request, reply) => {
      const account = await entered(request, enter)
      if (account instanceof Error) {
        const body = await welcomeBody(tiers, request, { failed: path, message: account.message })
        return sendPage(request, reply, { title: 'Welcome', status: 409, body })
      }
      startSession(request, account)
      return reply.redirect(nextOf(request), 303)
    })

  pages.post('/logout', async (request, reply) => {
    request.session.destroy()
    return reply.redirect('/', 303)
  })
}

/** A name that does not do is told beside its field; what else goes wrong is a failure of the page. */
async function entered(
  request: FastifyRequest,
  enter: (request: FastifyRequest, name: string) => Promise<Account>,
): Promise<Account | Error> {
  try {
    return await enter(request, read(nameBody, fieldsOf(request), 'body').name)
  } catch (error) {
    const code = (error as { code?: unknown }).code
    if (error instanceof Error && (code === 'bad-input' || code === 'conflict' || code === 'not-found')) return error
    throw error
  }
}

/** Only ever a path of ours: a link to this page must not lead away from it. */
function nextOf(request: FastifyRequest): string {
  const { next } = request.query as { next?: unknown }
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : '/'
}

export async function welcomeBody(
  tiers: AppTiers,
  request: FastifyRequest,
  failure?: { failed: string; message: string },
): Promise<Html> {
  const popular = (await popularPhotos(tiers)).slice(0, popularShownMax)
  const next = encodeURIComponent(nextOf(request))
  const form = (
    path: string,
    title: string,
    label: string,
    button: string,
  ) => html`<form class="panel" method="post" action="${path}?next=${next}">
<h2>${title}</h2>
<label>${label}<input name="name" required maxlength="60" autocomplete="username" ${failure?.failed === path ? html`aria-invalid="true" value="${String(fieldsOf(request)['name'] ?? '')}"` : ''}></label>
${failure?.failed === path ? html`<p class="problem" role="alert">${failure.message}</p>` : ''}
<button type="submit">${button}</button></form>`
  return html`<section class="hero"><h1>Photos of people you like.</h1>
<p>Upload a picture, follow someone, see what they see. A few have very many followers; it stays quick for them, too.</p>
<div class="doors">${form('/signup', 'New here?', 'Choose a name', 'Sign up')}${form('/login', 'Back again?', 'Your name', 'Log in')}</div></section>
${popular.length > 0 ? html`<section><h2>Popular today</h2>${gridOf(popular, { showsNames: true })}</section>` : ''}`
}
