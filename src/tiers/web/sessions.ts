// Sessions on the app's routes: opened before the handler, saved before the answer leaves.

import type { FastifyInstance } from 'fastify'
import type { Session, Sessions } from '../session/contract.ts'

/** Adds `request.session` to every route of `http` and of the plugins in it. */
export function addSessions(http: FastifyInstance, sessions: Sessions): void {
  http.addHook('onRequest', (request, _reply, done) => {
    const opened = sessions.open(request.headers.cookie)
    if (!(opened instanceof Promise)) {
      request.session = opened
      return done()
    }
    opened.then((session) => {
      request.session = session
      done()
    }, done)
  })

  http.addHook('onSend', (request, reply, payload, done) => {
    const session = request.session as Session | null // the error came before the session was there
    const saved = session === null ? undefined : sessions.save(session, request)
    if (saved === undefined) return done(null, payload)
    Promise.resolve(saved).then(
      (cookie) => {
        if (cookie !== undefined) {
          reply.header('set-cookie', cookie)
          // An answer that carries somebody's session is nobody else's.
          if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
        }
        done(null, payload)
      },
      (error) => done(error as Error),
    )
  })
}
