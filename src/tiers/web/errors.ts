// Every error as one JSON shape, `{ error: { code, message } }`. Who is wrong decides what is said: the caller's
// mistakes are named, ours are logged with the request's id and shown as "internal".

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { describeError, type ErrorBody, isTenfoldError, statusOf } from '../../base/errors.ts'

const retryAfterSeconds = 1

const codeByStatus: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  413: 'too-large',
  503: 'unavailable',
  504: 'timeout',
}

export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const answer = answerOf(error)
  if (answer.status >= 500) {
    const line = `${request.method} ${request.url} failed: ${describeError(error)}`
    // Overload is a state of the system, not a fault of the code: a stack for each refused request would add to it.
    if (answer.status === 503) request.log.warn({ code: answer.code }, line)
    else request.log.error({ err: error }, line)
  }
  if (answer.status === 503) reply.header('retry-after', String(retryAfterSeconds))
  sendError(reply, answer)
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?', 1)[0]
  sendError(reply, { status: 404, code: 'not-found', message: `there is nothing at ${request.method} ${path}` })
}

interface Answer {
  status: number
  code: string
  message: string
}

function answerOf(error: unknown): Answer {
  if (isTenfoldError(error)) {
    const status = statusOf(error)
    if (status < 500 || status === 503 || status === 504) return { status, code: error.code, message: error.message }
    if (error.code === 'disk-full') return { status, code: error.code, message: diskFull }
    if (error.code === 'outcome-unknown') return { status, code: error.code, message: outcomeUnknown }
    return internal
  }
  const { statusCode, validation } = (error ?? {}) as Partial<FastifyError>
  if (validation) return { status: 400, code: 'bad-input', message: describeError(error) }
  // 4xx that Fastify, a plugin or the app made: its message is meant for the caller.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return { status: statusCode, code: codeByStatus[statusCode] ?? 'bad-input', message: describeError(error) }
  if (statusCode === 503 || statusCode === 504)
    return { status: statusCode, code: codeByStatus[statusCode] as string, message: 'try again' }
  return internal
}

const internal: Answer = {
  status: 500,
  code: 'internal',
  message: 'something failed on our side; the log has the request id',
}
const diskFull = 'there is no room left to store anything; nothing of this request was stored'
const outcomeUnknown = 'the write was sent and its result was lost; look before you send it again'

function sendError(reply: FastifyReply, { status, code, message }: Answer): void {
  const body: ErrorBody = { error: { code, message } }
  reply.code(status).type('application/json; charset=utf-8').serializer(JSON.stringify).send(body)
}
