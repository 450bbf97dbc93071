// One request from its head to its answer: checked, sent to a server, and to another one where that is safe.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { openChannel } from '../../../../base/channels.ts'
import { describeError, isTenfoldError } from '../../../../base/errors.ts'
import type { BalancerOptions } from '../../options.ts'
import type { RetryBudget } from '../../retry-budget.ts'
import type { Roster } from '../../roster.ts'
import type { ServerState } from '../../server-state.ts'
import { answerOwn, dropRest, type OwnAnswer } from './answers.ts'
import { Attempt, type AttemptResult } from './attempt.ts'
import { requestHeaders, requestIdOf } from './headers.ts'
import type { OracleLimits } from './limits.ts'
import { type Failure, mayRepeat } from './repeat.ts'
import { RequestBody } from './request-body.ts'
import { type Target, targetOf } from './target.ts'

export interface ExchangeContext {
  roster: Roster
  budget: RetryBudget
  options: BalancerOptions & OracleLimits
  poolOf(server: ServerState): Dispatcher
}

export interface ExchangeKind {
  /** The client waits for `100 Continue` before it sends its body. */
  expectsContinue?: boolean
  /** Set for a request that asks to leave HTTP. */
  onUpgrade?: (status: number, headers: string[], socket: Duplex) => void
}

const upstreamChannel = openChannel('tenfold:upstream')

export async function exchange(
  context: ExchangeContext,
  request: IncomingMessage,
  response: ServerResponse,
  kind: ExchangeKind = {},
): Promise<void> {
  const { lingerMs, keptBodyBytesMax } = context.options
  const { bodyBytesMax } = context.roster.upstreams
  const requestId = requestIdOf(request)
  const answer = (own: OwnAnswer) => {
    if (response.headersSent || response.destroyed) response.destroy()
    else answerOwn(request, response, own, { requestId, lingerMs, released: body?.release() })
  }
  let body: RequestBody | undefined
  let target: Target
  try {
    target = targetOf(request)
  } catch (error) {
    return answer({ status: 400, code: 'bad-input', message: describeError(error) })
  }
  const tooLarge: OwnAnswer = {
    status: 413,
    code: 'too-large',
    message: `the request body is larger than ${bodyBytesMax} bytes`,
  }
  if ((target.contentLength ?? 0) > bodyBytesMax) return answer(tooLarge)
  if (kind.expectsContinue) response.writeContinue()

  const hasBody = target.isChunked || (target.contentLength ?? 0) > 0
  // Node reads no body of a request that leaves HTTP: its bytes would be taken for the new protocol's.
  if (hasBody && kind.onUpgrade) return answer({ status: 400, code: 'bad-input', message: 'an upgrade has no body' })
  if (hasBody) body = new RequestBody(request, { keptBytesMax: keptBodyBytesMax, bytesMax: bodyBytesMax })
  try {
    const own = await sendSomewhere(context, { request, response, target, requestId, body, kind })
    if (own) answer(own)
    else if (body && !request.complete) dropRest(request, { lingerMs, released: body.release() })
  } catch (error) {
    if (isTenfoldError(error, 'too-large')) answer(tooLarge)
    else response.destroy() // the client went away, or sent a body that is none
  }
}

interface Sending {
  request: IncomingMessage
  response: ServerResponse
  target: Target
  requestId: string
  body: RequestBody | undefined
  kind: ExchangeKind
}

/** Undefined when a server's answer was passed on; else what to answer. @throws when the client's body fails. */
async function sendSomewhere(context: ExchangeContext, sending: Sending): Promise<OwnAnswer | undefined> {
  const { roster, budget, options } = context
  const { response, target, body } = sending
  const isSmall = body !== undefined && !target.isChunked && (target.contentLength ?? 0) <= options.keptBodyBytesMax
  const whole = isSmall ? await body.whole() : undefined
  const tried = new Set<ServerState>()
  const { retryAfterSeconds } = options
  let last: Failure | undefined
  budget.deposit()
  while (!response.closed) {
    const server = roster.pick({ tried: [...tried] })
    if (server === undefined || server === 'full') return ownAnswerFor(last, server, target, retryAfterSeconds)
    if (last) upstreamChannel.publish({ node: server.upstream.id, event: 'retried', reason: last.reason })
    tried.add(server)
    const result = await sendTo(context, server, sending, whole ?? body?.open() ?? null)
    if (result === undefined) return undefined
    if (body?.failure) throw body.failure
    const { failure, isCommitted } = result
    roster.failed(server, failure.kind === 'unsendable' ? 'local' : failure.kind, failure.reason, 0)
    if (isCommitted) return void response.destroy() // the rest of the answer is lost; the client must see that
    last = failure
    const isBodyKept = body === undefined || body.isKept
    const isLast = tried.size > roster.upstreams.retriesMax
    if (isLast || !mayRepeat(failure, { isRepeatable: target.isRepeatable, isBodyKept }) || !budget.withdraw())
      return ownAnswerFor(failure, undefined, target, retryAfterSeconds)
  }
  return undefined // the client went away
}

async function sendTo(
  context: ExchangeContext,
  server: ServerState,
  { request, response, target, requestId, body, kind }: Sending,
  bytes: Buffer | Readable | null,
): Promise<AttemptResult> {
  const { roster, options, poolOf } = context
  const mayComeAgain = target.isRepeatable && (body === undefined || body.isKept)
  roster.took(server)
  try {
    return await Attempt.run(
      poolOf(server),
      {
        ...{ method: target.method, path: target.path, headers: requestHeaders(request, target, requestId) },
        ...{ body: bytes, requestId, onUpgrade: kind.onUpgrade },
        timeoutMs: roster.upstreams.timeoutMs,
        bodyIdleTimeoutMs: options.bodyIdleTimeoutMs,
        heldAnswerBytesMax: mayComeAgain ? options.heldAnswerBytesMax : 0,
      },
      response,
    )
  } finally {
    roster.released(server)
  }
}

function ownAnswerFor(
  last: Failure | undefined,
  picked: 'full' | undefined,
  { isRepeatable }: Target,
  retryAfterSeconds: number,
): OwnAnswer {
  if (picked === 'full')
    return { status: 503, code: 'overloaded', message: 'every server is at its limit; try again', retryAfterSeconds }
  if (last === undefined)
    return { status: 503, code: 'unavailable', message: 'there is no server for this request now', retryAfterSeconds }
  if (last.kind === 'unsendable') return { status: 400, code: 'bad-input', message: last.reason }
  if (last.wasSent && !isRepeatable)
    return {
      status: last.kind === 'timeout' ? 504 : 502,
      code: 'outcome-unknown',
      message: 'a server had the request and its answer was lost; look whether it was done before you repeat it',
    }
  if (last.kind === 'timeout')
    return { status: 504, code: 'timeout', message: 'the server took too long to answer', retryAfterSeconds }
  // The reason stays inside: it names private addresses.
  return { status: 502, code: 'unavailable', message: 'no server could answer; try again', retryAfterSeconds }
}
