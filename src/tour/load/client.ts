// One keep-alive HTTP client for all virtual users, with the behaviour that every such client has and nothing more.
//
// It repeats nothing, but for one case: a request that is safe to repeat was sent on a kept connection which the server
// closed before a byte of the answer came. It goes once more, on a new connection (RFC 9110 9.2.2, RFC 9112 9.3.1).

import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { TenfoldError } from '../../base/errors.ts'

const answerBytesMax = 16 * 1024 * 1024

export interface OutgoingRequest {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: Buffer | string
}

export interface Answer {
  status: number
  contentType: string
  setCookie: readonly string[]
  body: Buffer
  isResent: boolean
}

export interface LoadClientOptions {
  connectionsMax: number
}

export class LoadClient {
  readonly #base: URL
  readonly #kept: Agent
  readonly #fresh = new Agent({ keepAlive: false })

  constructor(baseUrl: string, { connectionsMax }: LoadClientOptions) {
    this.#base = new URL(baseUrl)
    this.#kept = new Agent({ keepAlive: true, maxSockets: connectionsMax, maxFreeSockets: connectionsMax })
  }

  /** @throws whatever the transport said, or timeout after `timeoutMs`, which covers a resend too. */
  async send(outgoing: OutgoingRequest, timeoutMs: number): Promise<Answer> {
    const deadlineMs = performance.now() + timeoutMs
    try {
      return { ...(await this.#attempt(outgoing, this.#kept, timeoutMs)), isResent: false }
    } catch (error) {
      if (!(error instanceof ClosedBeforeAnswer)) throw error
      if (!isRepeatable(outgoing)) throw error.cause
      return { ...(await this.#attempt(outgoing, this.#fresh, deadlineMs - performance.now())), isResent: true }
    }
  }

  close(): void {
    this.#kept.destroy()
    this.#fresh.destroy()
  }

  #attempt(outgoing: OutgoingRequest, agent: Agent, timeoutMs: number): Promise<Omit<Answer, 'isResent'>> {
    return new Promise((resolve, reject) => {
      const { method, path, headers, body } = outgoing
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
      const call = request(new URL(path, this.#base), { agent, method, headers: { ...headers, ...length } })
      const watch = watchSocket(call)
      const expire = () =>
        call.destroy(new TenfoldError('timeout', `no whole answer within ${Math.round(timeoutMs)} ms`))
      const timer = setTimeout(expire, timeoutMs)
      const fail = (error: Error) => {
        clearTimeout(timer)
        reject(watch.wasClosedBeforeAnswer(error) ? new ClosedBeforeAnswer(error) : error)
      }
      call.on('error', fail)
      call.on('response', (response) => {
        readBody(response).then((whole) => {
          clearTimeout(timer)
          resolve(whole)
        }, fail)
      })
      call.end(body)
    })
  }
}

function isRepeatable({ method, headers }: OutgoingRequest): boolean {
  return method === 'GET' || headers['idempotency-key'] !== undefined
}

class ClosedBeforeAnswer extends Error {
  constructor(cause: Error) {
    super('the kept connection was closed before a byte of the answer', { cause })
  }
}

function watchSocket(call: ClientRequest): { wasClosedBeforeAnswer(error: Error): boolean } {
  let socket: Socket | undefined
  let bytesReadBefore = 0
  call.once('socket', (given) => {
    socket = given
    bytesReadBefore = given.bytesRead
  })
  return {
    wasClosedBeforeAnswer: (error) =>
      call.reusedSocket &&
      'code' in error &&
      (error.code === 'ECONNRESET' || error.code === 'EPIPE') &&
      socket?.bytesRead === bytesReadBefore,
  }
}

async function readBody(response: IncomingMessage): Promise<Omit<Answer, 'isResent'>> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > answerBytesMax) throw new TenfoldError('too-large', `an answer has more than ${answerBytesMax} bytes`)
    chunks.push(chunk)
  }
  return {
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'] ?? '',
    setCookie: response.headers['set-cookie'] ?? [],
    body: Buffer.concat(chunks),
  }
}
