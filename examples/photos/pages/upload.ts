// Showing a photo. The form works by itself; page.js adds a preview and drag and drop.

import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { TenfoldError } from 'tenfold'
import { uploadPhoto } from '../photos/upload.ts'
import type { AppTiers } from '../tiers.ts'
import { type Html, html } from './html.ts'
import { sendPage } from './layout.ts'
import { photoHref } from './pictures.ts'
import { FormFile, fieldsOf, uploadFormBytesMax, userOrWelcome } from './scope.ts'

export function uploadPages(pages: FastifyInstance, tiers: AppTiers): void {
  pages.get('/upload', async (request, reply) => {
    if (!userOrWelcome(request, reply)) return reply
    return sendPage(request, reply, { title: 'Upload', place: 'upload', body: uploadBody() })
  })

  pages.post('/upload', { bodyLimit: uploadFormBytesMax }, async (request, reply) => {
    const user = userOrWelcome(request, reply)
    if (!user) return reply
    const { picture, caption } = fieldsOf(request)
    try {
      if (!(picture instanceof FormFile) || picture.bytes.length === 0)
        throw new TenfoldError('bad-input', 'choose a picture first: a JPEG or a PNG')
      const photo = await uploadPhoto(tiers, request, user, { bytes: picture.bytes, caption })
      return reply.redirect(photoHref(photo), 303)
    } catch (error) {
      if (!(error instanceof TenfoldError) || error.code !== 'bad-input') throw error
      const body = uploadBody({ message: error.message, caption: String(caption ?? '') })
      return sendPage(request, reply, { title: 'Upload', place: 'upload', status: 400, body })
    }
  })
}

function uploadBody(failure?: { message: string; caption: string }): Html {
  return html`<section class="narrow"><h1>Show a photo</h1>
<form class="panel upload" method="post" action="/upload" enctype="multipart/form-data">
<input type="hidden" name="idempotencyKey" value="${randomUUID()}">
<label class="drop"><img class="preview" alt="" hidden><span class="hint"><b>Choose a picture</b><small>or drop it here: JPEG or PNG, up to 10 MB</small></span>
<input type="file" name="picture" accept="image/jpeg,image/png" required></label>
<label>Caption<textarea name="caption" rows="2" maxlength="500" placeholder="What is it?">${failure?.caption}</textarea></label>
<p class="problem" role="alert" ${failure ? '' : html`hidden`}>${failure?.message}</p>
<button type="submit">Upload</button></form></section>`
}
