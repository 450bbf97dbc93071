// Sessions on the app's routes: opened before the handler when a cookie names one, saved before the answer leaves.
// A visitor without a cookie, of whom nothing is set, costs one look at the headers.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Session, Sessions } from '../session/contract.ts'

const opened = Symbol('opened session')
/** Saving was tried: when it fails, the answer that says so must not try it again. */
const isSaved = Symbol('session is saved')
type Last = (request: FastifyRequest, reply: FastifyReply) => void
type WithSession = FastifyRequest & { [opened]: Session | undefined; [isSaved]: boolean }

/** Defines `request.session`: the one that was opened, or an empty one, made when a handler first asks. */
export function addSession(root: FastifyInstance, sessions: Sessions): void {
  root.decorateRequest(opened, undefined)
  root.decorateRequest(isSaved, false)
  root.decorateRequest('session', {
    getter(): Session {
      const request = this as unknown as WithSession
      request[opened] ??= sessions.empty()
      return request[opened]
    },
  })
}

export function openSession(request: FastifyRequest, sessions: Sessions, done: (error?: Error) => void): void {
  const { cookie } = request.headers
  if (cookie === undefined) {
    done()
    return
  }
  const keep = (session: Session) => {
    const kept = request as WithSession
    kept[opened] = session
    done()
  }
  const session = sessions.open(cookie)
  if (session instanceof Promise) session.then(keep, done)
  else keep(session)
}

/** `last` gets the answer when its session is stored, or has nothing to store. */
export function saveSessions(http: FastifyInstance, sessions: Sessions, last: Last): void {
  http.addHook('onSend', (request, reply, payload, done) => {
    const withSession = request as WithSession
    const session = withSession[opened]
    const isTried = session === undefined || withSession[isSaved]
    withSession[isSaved] = true
    const saved = isTried ? undefined : sessions.save(session, request)
    if (saved === undefined) {
      last(request, reply)
      done(null, payload)
      return
    }
    Promise.resolve(saved).then(
      (cookie) => {
        if (cookie !== undefined) {
          reply.header('set-cookie', cookie)
          // An answer that carries somebody's session is nobody else's.
          if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
        }
        last(request, reply)
        done(null, payload)
      },
      (error) => done(error as Error),
    )
  })
}
