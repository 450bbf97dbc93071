// The dashboard's built files. They hold no secret: the page asks for the token and sends it with every call.

import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { TenfoldError } from '../base/errors.ts'

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export function serveDashboard(http: FastifyInstance, dir: string): void {
  http.get('/*', async (request, reply) => {
    const path = normalize((request.params as { '*': string })['*'] || 'index.html')
    const type = contentTypes[extname(path)]
    if (path.startsWith('..') || type === undefined)
      throw new TenfoldError('not-found', `there is no page ${request.url}`)
    const content = await readFile(join(dir, path)).catch(() => {
      if (path === 'index.html')
        throw new TenfoldError('not-found', 'the dashboard is not built; run `npm run dashboard`')
      throw new TenfoldError('not-found', `there is no page ${request.url}`)
    })
    return reply
      .type(type)
      .header('content-security-policy', policy)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('cache-control', path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache')
      .send(content)
  })
}
