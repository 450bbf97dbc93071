// The control API's listening port. It is opened before anything else of a supervisor, because it is also the lock: of two
// supervisors that start at once, the second has touched nothing when it finds the port taken. Requests that come before
// there is an API wait for it.

import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { TenfoldError } from '../base/errors.ts'

/** More than any dashboard and tools of one system have; each stream holds one. */
const connectionsMax = 2048
/** Who connects and says nothing does not keep a place. */
const timeouts = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5000 }

export class ControlPort {
  readonly #server: Server
  readonly #answered: Promise<RequestListener>
  #answer: (listener: RequestListener) => void

  private constructor(server: Server) {
    const { promise, resolve } = Promise.withResolvers<RequestListener>()
    this.#server = server
    this.#answered = promise
    this.#answer = resolve
    server.maxConnections = connectionsMax
    server.on('request', (request, response) => void this.#answered.then((listener) => listener(request, response)))
  }

  /** @throws port-taken */
  static async open(port: number): Promise<ControlPort> {
    const server = createServer(timeouts)
    const opened = new ControlPort(server)
    try {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      throw new TenfoldError(
        'port-taken',
        `the control address 127.0.0.1:${port} is taken: another system runs there, or another program; choose --port-base`,
        { cause: error },
      )
    }
    return opened
  }

  /** Who answers from now on, beginning with those that wait. */
  serve(listener: RequestListener): void {
    this.#answer(listener)
  }

  /** May be called twice. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}
