// What all pages share: forms are understood, failures are pages, and who must log in is sent there and back.

import { createHash } from 'node:crypto'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { TenfoldError } from 'tenfold'
import { photoBytesMax } from '../photos/upload.ts'
import type { AppTiers } from '../tiers.ts'
import type { Account } from '../users/account.ts'
import { currentUser } from '../users/current.ts'
import { html } from './html.ts'
import { sendPage } from './layout.ts'

const formBytesMax = 64 * 1024
/** A photo, and what a multipart form writes around it. */
export const uploadFormBytesMax = photoBytesMax + formBytesMax

/** Bodies are the fields of a form. */
export type Fields = Record<string, string | FormFile | undefined>

export class FormFile {
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** What stands for it where a request is compared with its repetition: ten million numbers would be slow. */
  toJSON(): string {
    return createHash('sha256').update(this.bytes).digest('base64url')
  }
}

export function preparePages(pages: FastifyInstance, { asset }: AppTiers): void {
  pages.decorate('asset', asset)
  pages.removeAllContentTypeParsers()
  pages.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: formBytesMax },
    async (_: unknown, body: string): Promise<Fields> => Object.fromEntries(new URLSearchParams(body)),
  )
  pages.addContentTypeParser(
    'multipart/form-data',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => multipartFields(request.headers['content-type'] ?? '', body),
  )
  pages.addHook('preHandler', async (request) => liftIdempotencyKey(request))
  pages.setErrorHandler(async (error: FastifyError, request, reply) => sendFailure(error, request, reply))
}

/** The platform's own parser of forms reads it. */
async function multipartFields(contentType: string, body: Buffer): Promise<Fields> {
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } })
    .formData()
    .catch((cause: unknown) => {
      throw new TenfoldError('bad-input', 'the form is damaged: send it again', { cause })
    })
  const fields: Fields = {}
  for (const [name, value] of form)
    fields[name] = typeof value === 'string' ? value : new FormFile(Buffer.from(await value.arrayBuffer()))
  return fields
}

/** A form cannot set a header; a hidden field of it stands in, so that pressing a button twice does a thing once. */
function liftIdempotencyKey(request: FastifyRequest): void {
  const key = fieldsOf(request)['idempotencyKey']
  if (typeof key === 'string' && key !== '') request.headers['idempotency-key'] ??= key
}

export function fieldsOf(request: FastifyRequest): Fields {
  return (request.body ?? {}) as Fields
}

/** The user, or undefined after the browser was sent to log in. */
export function userOrWelcome(request: FastifyRequest, reply: FastifyReply): Account | undefined {
  const user = currentUser(request)
  if (!user) {
    const back = request.method === 'GET' ? request.url : '/'
    void reply.redirect(`/welcome?next=${encodeURIComponent(back)}`, 303)
  }
  return user
}

function sendFailure(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = statusByCode[error.code] ?? error.statusCode ?? 500
  if (status >= 500) request.log.error({ err: error }, 'a page failed')
  const message = status >= 500 ? 'That is our fault. Please try again in a moment.' : error.message
  const title = status === 404 ? 'Not here' : status >= 500 ? 'Something broke' : 'That did not work'
  return sendPage(request, reply, {
    title,
    status,
    body: html`<section class="narrow failure"><p class="big">${status}</p><h1>${title}</h1><p>${message}</p><p><a class="button" href="/">Back to the photos</a></p></section>`,
  })
}

const statusByCode: Readonly<Record<string, number>> = {
  'bad-input': 400,
  unauthorized: 401,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  unavailable: 503,
  overloaded: 503,
  timeout: 504,
}
