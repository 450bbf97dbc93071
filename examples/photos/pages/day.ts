// What people liked most on one day that is over.

import type { FastifyInstance } from 'fastify'
import { bestOfDay, dayBefore } from '../days/day.ts'
import { dayOf } from '../input.ts'
import type { AppTiers } from '../tiers.ts'
import { html } from './html.ts'
import { sendPage } from './layout.ts'
import { gridOf } from './pictures.ts'
import { dateOf } from './time.ts'

export function dayPages(pages: FastifyInstance, tiers: AppTiers): void {
  pages.get('/days/:day', async (request, reply) => {
    const day = dayOf(request.params)
    const photos = await bestOfDay(tiers, day)
    const title = `Best of ${dateOf(day)}`
    const body = html`<h1>${title}</h1>
${photos.length > 0 ? gridOf(photos, { showsNames: true }) : html`<p class="empty">Nothing is kept of this day.</p>`}
<p class="more"><a class="button quiet" href="/days/${dayBefore(new Date(day))}" rel="prev">The day before</a></p>`
    return sendPage(request, reply, { title, place: 'popular', body, tags: ['popular'] })
  })
}
