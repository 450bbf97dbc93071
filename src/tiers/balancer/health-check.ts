// Asks one server again and again whether it can serve, on a connection of its own, so that a full or broken pool of
// request connections says nothing about the server.

import { request } from 'node:http'
import { connect } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import type { Upstream } from './contract.ts'

export class HealthCheck {
  readonly #ask: () => Promise<boolean>
  readonly #intervalMs: () => number
  readonly #clock: Clock
  readonly #stopped = new AbortController()
  #wake = new AbortController()

  /** `ask` makes one check and answers whether it counts; one that does not is made again at once. */
  constructor(ask: () => Promise<boolean>, intervalMs: () => number, clock: Clock) {
    this.#ask = ask
    this.#intervalMs = intervalMs
    this.#clock = clock
    void this.#run()
  }

  /** Brings the next check forward. Checks never overlap. */
  soon(): void {
    this.#wake.abort()
  }

  stop(): void {
    this.#stopped.abort()
    this.#wake.abort()
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const counts = await this.#ask()
      if (!counts) continue
      await this.#clock.sleep(this.#intervalMs(), this.#wake.signal)
      if (!this.#stopped.signal.aborted) this.#wake = new AbortController()
    }
  }
}

export interface BadHealth {
  reason: string
  /** Nobody listens there. */
  isRefusal: boolean
}

/** One GET, or without a path one connection. Undefined when the answer is 2xx, else why it is not good. Never rejects. */
export function probe(
  upstream: Upstream,
  { path, timeoutMs }: { path: string; timeoutMs: number },
): Promise<BadHealth | undefined> {
  return path === '' ? probeConnection(upstream, timeoutMs) : probePath(upstream, path, timeoutMs)
}

function probePath({ address: host, port }: Upstream, path: string, timeoutMs: number): Promise<BadHealth | undefined> {
  return new Promise((resolve) => {
    const headers = { connection: 'close', 'user-agent': 'tenfold-health' }
    const call = request({ host, port, path, agent: false, headers }, ({ statusCode = 0 }) => {
      const isGood = statusCode >= 200 && statusCode < 300
      finish(isGood ? undefined : { reason: `${path} answered ${statusCode}`, isRefusal: false })
    })
    const timer = setTimeout(() => {
      call.destroy(new TenfoldError('timeout', `${path} did not answer within ${timeoutMs} ms`))
    }, timeoutMs)
    const finish = (bad: BadHealth | undefined) => {
      clearTimeout(timer)
      resolve(bad)
      call.destroy()
    }
    call.on('error', (error) => finish(badHealthOf(error)))
    call.end()
  })
}

function probeConnection({ address: host, port }: Upstream, timeoutMs: number): Promise<BadHealth | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs })
    const finish = (bad: BadHealth | undefined) => {
      resolve(bad)
      socket.destroy()
    }
    socket.once('connect', () => finish(undefined))
    socket.once('timeout', () => finish({ reason: `no connection within ${timeoutMs} ms`, isRefusal: false }))
    socket.on('error', (error) => finish(badHealthOf(error)))
  })
}

function badHealthOf(error: NodeJS.ErrnoException): BadHealth {
  return { reason: describeError(error), isRefusal: error.code === 'ECONNREFUSED' }
}
