// On the balancer's own address, and only there: whether it lives, and whether it can serve.

import type { Exchange, FinishedExchange, Handler } from '../../../../net/http1/exchange.ts'

export interface HealthOwner {
  readonly isClosing: boolean
  isReady(): boolean
}

const ok = Buffer.from('ok\n')

export class OwnHealth implements Handler {
  readonly #inner: Handler
  readonly #owner: HealthOwner

  constructor(inner: Handler, owner: HealthOwner) {
    this.#inner = inner
    this.#owner = owner
  }

  handle(exchange: Exchange): void {
    const { method, path } = exchange.request
    if (method !== 'GET' || (path !== '/-/live' && path !== '/-/ready')) this.#inner.handle(exchange)
    else if (path === '/-/live' || this.#owner.isReady()) exchange.answerWhole(200, 'content-type: text/plain\r\n', ok)
    else {
      const message = this.#owner.isClosing ? 'the balancer is closing' : 'the servers are not checked yet'
      exchange.answer({ status: 503, code: 'unavailable', message, retryAfterSeconds: 1 })
    }
  }

  finished(finished: FinishedExchange): void {
    this.#inner.finished?.(finished)
  }
}
