// The one admin API: HTTP and server-sent events on loopback, with the system's token; the dashboard beside it.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { z } from 'zod'
import {
  describeError,
  type ErrorBody,
  statusOf as httpStatusOf,
  isTenfoldError,
  TenfoldError,
} from '../base/errors.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import { type Step, titleOf } from '../plan/step.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { mergeTopology, presetOf, rungOf } from '../topology/rungs.ts'
import type { Topology } from '../topology/schema.ts'
import { resolveTopology } from '../topology/topology.ts'
import type { ControlEvents, Plan, Target } from './api.ts'
import { addBackupRoutes } from './backup-routes.ts'
import { addCacheRoutes, renderCache } from './cache-routes.ts'
import { serveDashboard } from './dashboard-files.ts'
import { addEdgeRoutes } from './edge-routes.ts'
import { readLogs } from './logs.ts'
import { MetricsSampler, renderPrometheus } from './metrics.ts'
import { addMigrateRoutes } from './migrate-routes.ts'
import { bodies, logsQuery, openApiDocument } from './openapi.ts'
import type { ControlPort } from './port.ts'
import { addQueueRoutes, renderQueue } from './queue-routes.ts'
import { addSalvageRoutes } from './salvage-routes.ts'
import { addSessionRoutes } from './session-routes.ts'
import { type SupervisorRecord, statusOf } from './status.ts'

/** Keeps the stream open through whatever closes silent connections. */
const heartbeatMs = 15_000
/** What one stream may owe its reader. */
const unreadBytesMax = 4 * 1024 * 1024
/** Far more than any number of dashboards; each event is written to every stream. */
const streamsMax = 128

export interface ControlOptions {
  /** The port to answer on, which is closed with this. A supervisor has opened it before: it is the lock. */
  openPort: () => Promise<ControlPort>
  token: string
  record: SupervisorRecord
  version: string
  /** The dashboard's built files. */
  dashboardDir: string
  /** Called after `/api/down` was answered. */
  onDown: () => void
}

export class ControlServer extends Lifecycle {
  readonly #supervisor: Supervisor
  readonly #options: ControlOptions
  #http: FastifyInstance | undefined
  #port: ControlPort | undefined
  #streams = new Set<ServerResponse>()

  constructor(supervisor: Supervisor, options: ControlOptions) {
    super()
    this.#supervisor = supervisor
    this.#options = options
  }

  protected async open(): Promise<void> {
    const http = fastify({ bodyLimit: 256 * 1024 })
    this.#http = http
    http.setErrorHandler((error, request, reply) => {
      const { status, body } = this.#errorAnswer(error, `${request.method} ${request.url}`)
      return reply.status(status).send(body)
    })
    http.setNotFoundHandler((request, reply) =>
      reply.status(404).send({ error: { code: 'not-found', message: `there is no ${request.method} ${request.url}` } }),
    )
    http.addHook('onRequest', async (request) => this.#authorize(request))
    this.#addRoutes(http)
    serveDashboard(http, this.#options.dashboardDir)
    await http.ready()
    this.#port = await this.#options.openPort()
    this.#port.serve((request, response) => http.routing(request, response))
  }

  protected async close(): Promise<void> {
    for (const stream of this.#streams) stream.end()
    await this.#port?.close()
    await this.#http?.close()
  }

  /** Everything but the dashboard's own files needs the token; a foreign Host means a page of another site (DNS rebinding). */
  #authorize(request: FastifyRequest): void {
    const host = request.headers.host?.replace(/:\d+$/, '')
    if (host !== '127.0.0.1' && host !== 'localhost')
      throw new TenfoldError('unauthorized', `this address answers for 127.0.0.1 and localhost, not for ${host}`)
    // By the route that was found, not by the text of the address: %61pi is api too.
    const route = request.routeOptions.url ?? ''
    if (!route.startsWith('/api/') && route !== '/metrics') return
    const given = request.headers.authorization?.replace(/^Bearer /i, '') ?? ''
    if (!isSame(given, this.#options.token))
      throw new TenfoldError('unauthorized', 'send `Authorization: Bearer <token>`; the token is in .tenfold/token')
  }

  /** What the caller did wrong is told; what we did wrong is logged, and told as such. */
  #errorAnswer(error: unknown, call: string): { status: number; body: ErrorBody } {
    if (isTenfoldError(error))
      return { status: httpStatusOf(error), body: { error: { code: error.code, message: describeError(error) } } }
    const status = (error as { statusCode?: number }).statusCode ?? 500
    if (status < 500) return { status, body: { error: { code: 'bad-input', message: describeError(error) } } }
    this.#supervisor.events.emit('error', `${call} failed: ${(error as Error).stack ?? String(error)}`)
    return {
      status,
      body: { error: { code: 'internal', message: 'the supervisor failed; see `tenfold logs supervisor`' } },
    }
  }

  #addRoutes(http: FastifyInstance): void {
    const { keeper, executor, home } = this.#supervisor
    const sampler = new MetricsSampler(
      home,
      () => keeper.map,
      (node) => this.#supervisor.cache.nodeReport(node),
    )

    http.get('/api/status', () => this.#status())
    http.get('/api/events', (_request, reply) => {
      if (this.#streams.size >= streamsMax)
        throw new TenfoldError('overloaded', `${streamsMax} streams of events are open already`)
      reply.hijack()
      this.#stream(reply.raw)
    })
    http.post('/api/plan', (request) => {
      const topology = this.#resolve(parse(bodies.target, request.body))
      return describePlan(keeper.map.rung, topology.rung, executor.planTo(topology))
    })
    http.post('/api/steps', async (request, reply) => {
      const topology = this.#resolve(parse(bodies.target, request.body))
      reply.status(202)
      return describePlan(keeper.map.rung, topology.rung, await executor.accept(topology))
    })
    http.post('/api/scale', async (request, reply) => {
      const { role, count } = parse(bodies.scale, request.body)
      const topology = resolveTopology(
        mergeTopology(keeper.map.topology, { [role]: { count } }),
        `scale ${role} ${count}`,
      )
      reply.status(202)
      return describePlan(keeper.map.rung, topology.rung, await executor.accept(topology))
    })
    http.post('/api/switchover', async (request, reply) => {
      const { shard, to } = parse(bodies.switchover, request.body)
      reply.status(202)
      return describePlan(
        keeper.map.rung,
        keeper.map.rung,
        await executor.carryOut(this.#supervisor.planSwitchover(shard, to)),
      )
    })
    addMigrateRoutes(http, keeper)
    addBackupRoutes(http, this.#supervisor)
    addSalvageRoutes(http, this.#supervisor)
    addEdgeRoutes(http, this.#supervisor)
    addSessionRoutes(http, this.#supervisor)
    addCacheRoutes(http, this.#supervisor)
    addQueueRoutes(http, this.#supervisor)
    http.post('/api/fault', async (request) => {
      const { kind, node: id } = parse(bodies.fault, request.body)
      const node = keeper.node(id)
      if (!node)
        throw new TenfoldError(
          'not-found',
          `there is no node ${id}; there are ${keeper.map.nodes.map((n) => n.id).join(', ')}`,
        )
      if (node.pid === null) throw new TenfoldError('conflict', `${id} has no process now (${node.state})`)
      await this.#supervisor.faults.inject(node, kind)
      return { node: id, pid: node.pid }
    })
    http.get('/api/logs', async (request) => ({ lines: await readLogs(home, parse(logsQuery, request.query)) }))
    http.get('/api/metrics', async () => ({ nodes: await sampler.sample() }))
    http.get('/metrics', async (_request, reply) => {
      reply.type('text/plain; version=0.0.4')
      const { cache, queue } = this.#supervisor
      const [nodes, cacheReport, queueReport] = await Promise.all([sampler.sample(), cache.report(), queue.report()])
      return (
        renderPrometheus(keeper.map, nodes, this.#status().nodes) + renderCache(cacheReport) + renderQueue(queueReport)
      )
    })
    http.get('/api/openapi.json', () => openApiDocument(this.#options.version))
    http.post('/api/down', async (_request, reply) => {
      const stopped = await this.#supervisor.stopAll()
      if (reply.raw.closed) this.#options.onDown()
      else reply.raw.once('close', this.#options.onDown)
      return { stopped }
    })
  }

  #status() {
    return statusOf(this.#supervisor, this.#options.record, this.#options.token)
  }

  /**
   * A rung keeps the app, the name, the backups and what front, edge, scaling, cache and sessions are told of the running
   * system; a file states all that it wants.
   */
  #resolve(target: Target): Topology {
    const { app, name, front, edge, web, worker, database, cache, session } = this.#supervisor.keeper.map.topology
    if ('topology' in target) return resolveTopology(target.topology)
    const { rung } = target
    if (!rungOf(rung).isBuilt)
      throw new TenfoldError('not-built', `rung ${rung} (${rungOf(rung).title}) is not built yet`)
    const preset = presetOf(rung)
    const { count: _, tls, ...ownFront } = front
    const { enabled: __, ...ownEdge } = edge
    const { nodes: ___, ...ownCache } = cache
    const hasFront = web.command !== undefined || (preset.front?.count ?? 0) > 0
    const own = {
      app,
      name,
      rung,
      database: { backup: database.backup },
      front: { ...ownFront, ...(hasFront && { tls }) },
      edge: ownEdge,
      cache: ownCache,
      session: { idleMs: session.idleMs },
      worker: { scale: worker.scale },
      web: {
        scale: web.scale,
        ...(web.command !== undefined && { command: web.command, healthPath: web.healthPath }),
      },
    }
    return resolveTopology(mergeTopology(preset, own), `rung ${rung}`)
  }

  #stream(response: ServerResponse): void {
    if (response.destroyed) return // whoever asked has gone already, and `close` will not come again
    const { keeper, executor, events } = this.#supervisor
    const send = <Name extends keyof ControlEvents>(name: Name, data: ControlEvents[Name]) => {
      response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
      // Whoever does not read is let go: a client that lives comes back and gets the present status first.
      if (response.writableLength > unreadBytesMax) response.destroy()
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    send('status', this.#status())
    for (const event of events.recent()) send('event', event)
    const unsubscribe = [
      keeper.onChange(() => send('status', this.#status())),
      executor.onProgress((progress) => {
        send('progress', progress)
        send('status', this.#status())
      }),
      events.subscribe((event) => send('event', event)),
    ]
    this.#streams.add(response)
    const heartbeat = setInterval(() => response.write(': still here\n\n'), heartbeatMs)
    response.once('close', () => {
      clearInterval(heartbeat)
      this.#streams.delete(response)
      for (const end of unsubscribe) end()
    })
  }
}

function describePlan(from: number, to: number, steps: Step[]): Plan {
  return { from, to, steps: steps.map((step) => ({ kind: step.kind, title: titleOf(step) })) }
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
  throw new TenfoldError('bad-input', problems.join('; '))
}

/** Compares digests, so that neither content nor length shows in the time it takes. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
