// The web tier: an app's setup run over Fastify, with sessions, limits, ids and one shape of errors around it.
// It opens no socket: `handle` is a request listener for as many servers as the process has.

import type { RequestListener } from 'node:http'
import { type FastifyInstance, fastify, LogController } from 'fastify'
import { TenfoldError } from '../../base/errors.ts'
import { runInTrace } from '../../base/trace.ts'
import { addAssets } from './assets/serve.ts'
import { type BeginRequest, requestBeginner } from './begin-request.ts'
import { addScopes, openScope, setToken } from './causal-cookie.ts'
import { answerError, answerNotFound } from './errors.ts'
import { addHealth } from './health.ts'
import { requestIdOf, traceparentOf } from './request-id.ts'
import { addSession, openSession, saveSessions } from './sessions.ts'
import type { WebOptions } from './web-options.ts'

export interface Web {
  readonly handle: RequestListener
  /** Runs what the app added by `http.addHook('onClose', ...)`. Drain the servers first. */
  close(): Promise<void>
}

/** Runs `setup` once. @throws what setup throws. */
export async function openWeb<DB>(options: WebOptions<DB>): Promise<Web> {
  const { app, tiers, sessions, bodyBytesMax } = options
  const begin = requestBeginner(options)
  const root = fastify({
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIdOf,
    bodyLimit: bodyBytesMax,
    // A balancer of ours speaks from a loopback address; nobody else is believed about who the client is.
    trustProxy: 'loopback',
    frameworkErrors(error, request, reply) {
      begin(request, reply) // such a request meets no hook
      answerError(error, request, reply)
    },
  })
  // Fastify's own logger option makes a child and two listeners for each request, logged or not.
  root.log = tiers.log
  root.setErrorHandler(answerError)
  addSession(root, sessions)
  addScopes(root)
  await root.register(async (own) => {
    own.addHook('onRequest', (request, reply, done) => {
      begin(request, reply)
      done()
    })
    addHealth(own, options.notReady)
    if (options.assets) await addAssets(own, options.assets)
  })
  await root.register(async (http) => {
    addRequestHook(http, options, begin)
    saveSessions(http, sessions, setToken)
    await app.setup({ ...tiers, http })
  })
  setDefaultNotFound(root, begin)
  await root.ready()
  return { handle: root.routing, close: () => root.close() }
}

/** One hook for all that begins a request of the app: each hook of Fastify costs as much as what this one does. */
function addRequestHook<DB>(http: FastifyInstance, options: WebOptions<DB>, begin: BeginRequest): void {
  const { sessions, causality } = options
  http.addHook('onRequest', (request, reply, done) => {
    begin(request, reply)
    if (options.inFlight() > options.requestsMax)
      done(new TenfoldError('overloaded', `${options.requestsMax} requests are under way already; try again`))
    else
      runInTrace(traceparentOf(request), () =>
        openScope(request, causality, () => openSession(request, sessions, done)),
      )
  })
}

/** An app may have its own page for what is not there; ours is for those that have none. */
function setDefaultNotFound(root: FastifyInstance, begin: BeginRequest): void {
  try {
    root.setNotFoundHandler((request, reply) => {
      begin(request, reply)
      answerNotFound(request, reply)
    })
  } catch (error) {
    if (!/already set/.test(String(error))) throw error
  }
}
