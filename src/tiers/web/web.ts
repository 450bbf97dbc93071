// The web tier: an app's setup run over Fastify, with sessions, limits, ids and one shape of errors around it.
// It opens no socket: `handle` is a request listener for as many servers as the process has.

import type { IncomingMessage, RequestListener } from 'node:http'
import { resolve } from 'node:path'
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify'
import { openChannel } from '../../base/channels.ts'
import { TenfoldError } from '../../base/errors.ts'
import type { Session, Sessions } from '../session/contract.ts'
import { addAssets } from './assets.ts'
import type { App, Tiers } from './contract.ts'
import { answerError, answerNotFound } from './errors.ts'
import { addHealth } from './health.ts'
import { requestIdOf } from './request-id.ts'
import { RequestLog } from './request-log.ts'
import { addSessions } from './sessions.ts'

export interface WebOptions<DB> {
  app: App<DB>
  /** What the app's paths are relative to. */
  appDir: string
  tiers: Omit<Tiers<DB>, 'http'>
  sessions: Sessions
  /** Name of the node, for what is measured. */
  node: string
  bodyBytesMax: number
  /** More requests than that at once are refused with 503. */
  requestsMax: number
  /** Requests under way, as the servers count them. */
  inFlight(): number
  /** Why no request should come now, or undefined. */
  notReady(): string | undefined
}

export interface Web {
  readonly handle: RequestListener
  /** Runs what the app added by `http.addHook('onClose', ...)`. Drain the servers first. */
  close(): Promise<void>
}

const requests = openChannel('tenfold:request')

/** Runs `setup` once. @throws what setup throws; bad-input when the assets are not there. */
export async function openWeb<DB>(options: WebOptions<DB>): Promise<Web> {
  const { app, appDir, tiers, sessions, bodyBytesMax } = options
  const root = fastify({
    loggerInstance: tiers.log,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (log, bindings, _options, raw) =>
      new RequestLog(log, (bindings as { reqId: string }).reqId, raw as IncomingMessage) as FastifyBaseLogger,
    genReqId: requestIdOf,
    bodyLimit: bodyBytesMax,
    // A balancer of ours speaks from a loopback address; nobody else is believed about who the client is.
    trustProxy: 'loopback',
    frameworkErrors(error, request, reply) {
      reply.header('x-request-id', request.id) // such a request meets no hook
      answerError(error, request, reply)
    },
  })
  root.setErrorHandler(answerError)
  root.decorateRequest('session', null as unknown as Session)
  root.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  observe(root, options.node)
  addHealth(root, options.notReady)
  if (app.assets !== undefined) await addAssets(root, resolve(appDir, app.assets))
  await root.register(async (http) => {
    refuseOverload(http, options)
    addSessions(http, sessions)
    await app.setup({ ...tiers, http })
  })
  setDefaultNotFound(root)
  await root.ready()
  return { handle: root.routing, close: () => root.close() }
}

/** An app may have its own page for what is not there; ours is for those that have none. */
function setDefaultNotFound(root: FastifyInstance): void {
  try {
    root.setNotFoundHandler(answerNotFound)
  } catch (error) {
    if (!/already set/.test(String(error))) throw error
  }
}

function refuseOverload<DB>(http: FastifyInstance, options: WebOptions<DB>): void {
  http.addHook('onRequest', (_request, _reply, done) => {
    if (options.inFlight() <= options.requestsMax) return done()
    done(new TenfoldError('overloaded', `${options.requestsMax} requests are under way already; try again`))
  })
}

/** What happened, to whoever listens. A line per request is a matter of the debug level: it costs throughput. */
function observe(http: FastifyInstance, node: string): void {
  http.addHook('onResponse', (request, reply, done) => {
    const isDebug = reply.log.level === 'debug' || reply.log.level === 'trace'
    if (isDebug || requests.hasSubscribers) {
      const { method, id: requestId } = request
      const durationMs = reply.elapsedTime
      const route = request.routeOptions.url ?? '(none)'
      if (isDebug) request.log.debug({ url: request.url, status: reply.statusCode, durationMs }, `${method} ${route}`)
      if (requests.hasSubscribers)
        requests.publish({ node, method, route, status: reply.statusCode, durationMs, requestId })
    }
    done()
  })
}
