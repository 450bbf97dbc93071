// One request at one server: undici's events turned into one result, and the answer passed on to the client.
//
// An answer is committed when the first byte of it goes to the client; until then a failure can be tried elsewhere.
// Small answers of known length are held until they are whole, where the request may be repeated (options.ts).

import type { ServerResponse } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { failureOf } from './failure.ts'
import { answerHeaders, contentLengthOf } from './headers.ts'
import type { Failure } from './repeat.ts'
import { rawValues } from './target.ts'

export interface AttemptRequest {
  method: string
  path: string
  headers: string[]
  body: Buffer | Readable | null
  /** Set for a request that asks to leave HTTP: the tunnel takes both sides when the server agrees. */
  onUpgrade: ((status: number, headers: string[], socket: Duplex) => void) | undefined
  requestId: string
  timeoutMs: number
  bodyIdleTimeoutMs: number
  /** Answers up to this length are held until they are whole. 0: none. */
  heldAnswerBytesMax: number
}

/** Undefined when the client has its answer, or is gone. `isCommitted`: it has a part of it, and lost the rest. */
export type AttemptResult = undefined | { failure: Failure; isCommitted: boolean }

export class Attempt implements Dispatcher.DispatchHandler {
  readonly #request: AttemptRequest
  readonly #response: ServerResponse
  readonly #settle: (result: AttemptResult) => void
  #controller: Dispatcher.DispatchController | undefined
  #isCommitted = false
  #isCancelled = false
  #held: { head: () => void; pieces: Buffer[] } | undefined

  private constructor(request: AttemptRequest, response: ServerResponse, settle: (result: AttemptResult) => void) {
    this.#request = request
    this.#response = response
    this.#settle = settle
  }

  /** Sends the request and resolves when the answer has been passed on, or when this attempt has failed. */
  static run(pool: Dispatcher, request: AttemptRequest, response: ServerResponse): Promise<AttemptResult> {
    return new Promise((resolve) => {
      const attempt = new Attempt(request, response, (result) => {
        response.off('close', cancel)
        response.off('drain', resume)
        resolve(result)
      })
      const cancel = () => attempt.#cancel()
      const resume = () => attempt.#controller?.resume()
      response.once('close', cancel)
      response.on('drain', resume)
      const { method, path, headers, body, onUpgrade, timeoutMs, bodyIdleTimeoutMs } = request
      const options: Dispatcher.DispatchOptions = {
        ...{ method, path, headers, body, upgrade: onUpgrade ? 'websocket' : null },
        ...{ headersTimeout: timeoutMs, bodyTimeout: bodyIdleTimeoutMs },
      }
      pool.dispatch(options, attempt)
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isCancelled) controller.abort(clientGone())
  }

  onRequestUpgrade(controller: Dispatcher.DispatchController, status: number, _headers: unknown, socket: Duplex): void {
    this.#isCommitted = true
    this.#request.onUpgrade?.(status, rawHeadersOf(controller), socket)
    this.#settle(undefined)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    const raw = rawHeadersOf(controller)
    if (status < 200) {
      this.#passInterim(status, raw)
      return
    }
    const { requestId, heldAnswerBytesMax } = this.#request
    const head = () => {
      this.#isCommitted = true
      this.#response.writeHead(status, statusText ?? '', answerHeaders(raw, { status, requestId }))
    }
    const length = contentLengthOf(raw)
    if (length !== undefined && length <= heldAnswerBytesMax) {
      this.#held = { head, pieces: [] }
      return
    }
    head()
    // An event stream may be silent at first. Not flushHeaders: node writes the head as UTF-8 then, not as the bytes it is.
    this.#response.write(nothing)
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (this.#held) this.#held.pieces.push(piece)
    else if (!this.#response.write(piece)) controller.pause()
  }

  onResponseEnd(): void {
    if (this.#held) {
      this.#held.head()
      this.#response.end(Buffer.concat(this.#held.pieces))
    } else this.#response.end()
    this.#settle(undefined)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const failure = failureOf(error, { wasSent: this.#controller !== undefined })
    this.#settle(this.#isCancelled ? undefined : { failure, isCommitted: this.#isCommitted })
  }

  #cancel(): void {
    if (this.#response.writableFinished) return
    this.#isCancelled = true
    this.#controller?.abort(clientGone())
  }

  /** Early hints and the like (RFC 9110, 15.2). HTTP/1.0 knows no interim answers. */
  #passInterim(status: number, raw: string[]): void {
    if (this.#response.req.httpVersion === '1.0' || status === 101 || this.#response.headersSent) return
    const link = rawValues(raw, 'link')
    if (status === 103 && link.length > 0) this.#response.writeInformation(103, { link })
    else if (status === 102) this.#response.writeProcessing()
  }
}

const nothing = Buffer.alloc(0)

function clientGone(): Error {
  return new Error('the client went away')
}

function rawHeadersOf(controller: Dispatcher.DispatchController): string[] {
  const raw = controller.rawHeaders
  return Array.isArray(raw) ? raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))) : []
}
