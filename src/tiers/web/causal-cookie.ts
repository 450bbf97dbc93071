// The cookie `tenfold.seen`: what a user has seen of the database, carried from answer to request, so that any web server
// reads nothing older. It stands beside the session's cookie and says nothing of anybody, so it is not signed.
//
// Both cookies: the token counts. A session without a token: the user may have seen anything, and reads from the primary.
// Neither: somebody new, who has seen nothing. The answer that sets the session's cookie does not carry the first token: a
// client that keeps only the cookies of its login then never brings one that gets old, and reads from the primary for good.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Causality, CausalScope } from '../database/contract.ts'
import { sessionCookieName } from '../session/contract.ts'

const cookieName = 'tenfold.seen'

const scope = Symbol('causal scope')
type WithScope = FastifyRequest & { [scope]: CausalScope | undefined }

export function addScopes(root: FastifyInstance): void {
  root.decorateRequest(scope, undefined)
}

/**
 * Opens the request's scope and begins `work` in it: the session's load, the hooks after this one, the handler. Fastify
 * brings the handler of a request with a body back into it (content-type-parser.js binds to an AsyncResource).
 */
export function openScope(request: FastifyRequest, causality: Causality | undefined, work: () => void): void {
  if (causality) {
    const opened = causality.open(tokenOf(request.headers.cookie))
    const kept = request as WithScope
    kept[scope] = opened
    causality.run(opened, work)
  } else work()
}

/** To be called when all else of the answer is known, the session's cookie too. */
export function setToken(request: FastifyRequest, reply: FastifyReply): void {
  const { token, grewBy } = (request as WithScope)[scope] ?? {}
  if (grewBy === undefined || token === undefined) return
  const { cookie } = request.headers
  const isKept = cookie !== undefined && cookieValue(cookie, cookieName) !== undefined
  if (!isKept && setsSession(reply)) return
  // What caches keep for everybody carries nobody's token. That of a write has to arrive all the same.
  if (grewBy === 'read' && isForEverybody(reply)) return
  const secure = request.protocol === 'https' ? '; Secure' : ''
  reply.header('set-cookie', `${cookieName}=${token}; Path=/; HttpOnly; SameSite=Lax${secure}`)
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
}

function tokenOf(cookie: string | undefined): string | undefined {
  if (cookie === undefined) return undefined
  return (
    cookieValue(cookie, cookieName) ?? (cookieValue(cookie, sessionCookieName) === undefined ? undefined : 'unknown')
  )
}

/** The first value of that name in a Cookie header. */
function cookieValue(cookie: string, name: string): string | undefined {
  for (let at = cookie.indexOf(name); at !== -1; at = cookie.indexOf(name, at + 1)) {
    const before = at === 0 ? ';' : cookie[at - 1]
    const start = at + name.length + 1
    if ((before !== ';' && before !== ' ') || cookie[start - 1] !== '=') continue
    const end = cookie.indexOf(';', start)
    return cookie.slice(start, end === -1 ? undefined : end).trim()
  }
  return undefined
}

function setsSession(reply: FastifyReply): boolean {
  const set = reply.getHeader('set-cookie')
  const isSession = (cookie: unknown) => typeof cookie === 'string' && cookie.startsWith(`${sessionCookieName}=`)
  return Array.isArray(set) ? set.some(isSession) : isSession(set)
}

function isForEverybody(reply: FastifyReply): boolean {
  const control = reply.getHeader('cache-control')
  return typeof control === 'string' && !/\b(?:private|no-store)\b/i.test(control)
}
