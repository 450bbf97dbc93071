// Against forged requests (CSRF): a browser says where a POST comes from, and only our own pages may send one. The session's cookie
// is SameSite=Lax besides. Programs send neither header, and have no cookies that somebody else could use.

import type { FastifyRequest } from 'fastify'
import type { AppTiers } from './tiers.ts'

export function refuseForeignOrigins({ http }: AppTiers): void {
  http.addHook('onRequest', async (request, reply) => {
    if (request.method === 'GET' || request.method === 'HEAD' || !isForeign(request)) return
    const message = 'this was sent by a page of another site, so it is not done'
    return reply.code(403).send({ error: { code: 'unauthorized', message } })
  })
}

function isForeign(request: FastifyRequest): boolean {
  const site = request.headers['sec-fetch-site']
  if (site === 'same-origin' || site === 'none') return false
  if (site !== undefined) return true
  const { origin } = request.headers
  return origin !== undefined && hostOf(origin) !== request.headers.host
}

function hostOf(origin: string): string | undefined {
  return URL.parse(origin)?.host
}
