// What every request gets first: its id in the answer, its own log, and, when anybody listens, an eye on how it ends.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { openChannel } from '../../base/channels.ts'
import { RequestLog } from './request-log.ts'
import type { WebOptions } from './web-options.ts'

export type BeginRequest = (request: FastifyRequest, reply: FastifyReply) => void

const requests = openChannel('tenfold:request')

export function requestBeginner<DB>({ node, tiers: { log } }: WebOptions<DB>): BeginRequest {
  // A line for each request is a matter of the debug level: it costs throughput.
  const isDebug = log.level === 'debug' || log.level === 'trace'
  return (request, reply) => {
    reply.header('x-request-id', request.id)
    const requestLog = new RequestLog(log, request)
    request.log = requestLog
    reply.log = requestLog
    if (isDebug || requests.hasSubscribers) observe(node, request, reply)
  }
}

function observe(node: string, request: FastifyRequest, reply: FastifyReply): void {
  const startedAt = performance.now()
  const { method, id: requestId } = request
  const route = request.is404 ? '(none)' : (request.routeOptions.url ?? '(none)')
  reply.raw.once('close', () => {
    const durationMs = performance.now() - startedAt
    const status = reply.raw.statusCode
    request.log.debug({ url: request.url, status, durationMs }, `${method} ${route}`)
    if (requests.hasSubscribers) requests.publish({ node, method, route, status, durationMs, requestId })
  })
}
