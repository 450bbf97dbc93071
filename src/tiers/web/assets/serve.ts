// /assets/: a versioned name is answered from the deployed files, compressed where the client takes that, and may be kept for
// ever; any other from the app's own directory, with validators, to be asked for again soon. Nothing leads out of either.

import { createHash } from 'node:crypto'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AssetStore, StoredAsset } from './asset-store.ts'
import type { Assets } from './assets.ts'
import { chooseCoding } from './choose-coding.ts'
import { isVersionedName } from './names.ts'

/** A browser asks again after so long whether a file under its plain name is still the same. */
const plainMaxAgeMs = 60_000
const prefix = '/assets/'
const forEver = `public, max-age=${365 * 86_400}, immutable`

export async function addAssets(http: FastifyInstance, { dir, store }: Assets): Promise<void> {
  await http.register(async (scope) => {
    scope.addHook('preHandler', async (request, reply) => {
      const name = nameIn(request.url)
      const stored = isVersionedName(name) ? await store.find(name) : undefined
      return stored && sendVersioned(request, reply, store, name, stored)
    })
    await scope.register(fastifyStatic, { root: dir, prefix, maxAge: plainMaxAgeMs, index: false, dotfiles: 'ignore' })
  })
}

/** Only for looking it up: an address that was not made by `pathOfName` finds nothing. */
function nameIn(url: string): string {
  const [path = ''] = url.split('?', 1)
  try {
    return decodeURIComponent(path.slice(prefix.length))
  } catch {
    return ''
  }
}

function sendVersioned(
  request: FastifyRequest,
  reply: FastifyReply,
  store: AssetStore,
  name: string,
  stored: StoredAsset,
): FastifyReply {
  const coding = chooseCoding(request.headers['accept-encoding'], stored)
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16)
  const etag = `"${hash}${coding ? `-${coding}` : ''}"`
  reply.headers({ 'cache-control': forEver, etag, 'x-content-type-options': 'nosniff' })
  if (Object.keys(stored).length > 0) reply.header('vary', 'accept-encoding')
  if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
  if (coding) reply.header('content-encoding', coding)
  const own = { etag: false, lastModified: false, cacheControl: false }
  return reply.sendFile(name, store.dirOf(coding ?? 'plain'), own)
}

function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch?.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag) ?? false
}
