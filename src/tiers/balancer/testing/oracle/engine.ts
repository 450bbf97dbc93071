// A balancer on node:http in front and undici behind: simple and slow, and the oracle for the engine in use. What both
// must agree on is the reading of HTTP; it has no line, no sticky cookie, no TCP mode and no log.

import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Pool } from 'undici'
import { describeError } from '../../../../base/errors.ts'
import { DrainableServer } from '../../../../net/drainable-server.ts'
import { type ServerCounts, sumCounts } from '../../../../net/server-counts.ts'
import type { DrainableServerLimits } from '../../../../net/server-limits.ts'
import type { Balancer, ListenOn, Upstream, Upstreams } from '../../contract.ts'
import { type BalancerOptions, defaultBalancerOptions } from '../../options.ts'
import { RetryBudget } from '../../retry-budget.ts'
import { Roster } from '../../roster.ts'
import type { ServerState } from '../../server-state.ts'
import { answerOwn } from './answers.ts'
import { type ExchangeContext, exchange } from './exchange.ts'
import { answerHeaders, requestIdOf } from './headers.ts'
import { type OracleLimits, oracleLimits } from './limits.ts'
import { runTunnel } from './tunnel.ts'

export interface OracleOptions extends Partial<BalancerOptions & OracleLimits> {
  server?: Partial<DrainableServerLimits>
}

export function openOracle(upstreams: Upstreams, options: OracleOptions = {}): Balancer {
  return new Oracle(upstreams, options)
}

class Oracle implements Balancer {
  readonly #options: BalancerOptions & OracleLimits
  readonly #serverLimits: Partial<DrainableServerLimits>
  readonly #roster: Roster
  readonly #pools = new Map<ServerState, Pool>()
  readonly #listeners: Array<{ on: ListenOn; server: DrainableServer }> = []
  readonly #context: ExchangeContext
  #inFlight = 0
  #isClosing = false

  constructor(upstreams: Upstreams, { server, ...options }: OracleOptions) {
    this.#options = { ...defaultBalancerOptions, ...oracleLimits, ...options }
    this.#serverLimits = server ?? {}
    this.#roster = new Roster(upstreams, this.#options)
    const { retryBudgetRatio, retryBudgetBurst } = this.#options
    this.#context = {
      roster: this.#roster,
      budget: new RetryBudget(retryBudgetRatio, retryBudgetBurst),
      options: this.#options,
      poolOf: (state) => this.#poolOf(state),
    }
  }

  async update(upstreams: Upstreams): Promise<void> {
    const left = this.#roster.update(upstreams)
    // A draining server waits for its connections to end: the idle ones end now, the others with their answers.
    const draining = this.#roster.servers.filter((state) => state.upstream.isDraining)
    for (const state of [...left, ...draining]) this.#closePool(state)
  }

  async listen(on: ListenOn, { answersHealth } = { answersHealth: false }): Promise<void> {
    const server = new DrainableServer(
      (request, response) => {
        if (answersHealth && this.#answerHealth(request, response)) return
        void this.#exchange(request, response, false)
      },
      {
        ...this.#serverLimits,
        onCheckContinue: (request, response) => void this.#exchange(request, response, true),
        onUpgrade: {
          wants: ({ method, headers }) => method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket',
          take: (request, socket, head) => void this.#upgrade(request, socket as Socket, head),
        },
      },
    )
    await server.listen(on)
    this.#listeners.push({ on, server })
  }

  addresses(): ReadonlyArray<{ address: string; port: number }> {
    return this.#listeners.flatMap(({ server }) => server.address() ?? [])
  }

  async leave(on: ListenOn): Promise<void> {
    for (const listener of this.#listeners) if (isSameListen(listener.on, on)) listener.server.stopAccepting()
  }

  isReady(): boolean {
    return this.#roster.isSettled && !this.#isClosing
  }

  health(): ReadonlyArray<{ id: string; isUp: boolean; inFlight: number; reason?: string }> {
    return this.#roster.servers.map(({ upstream: { id }, isUp, inFlight, reason }) => ({
      ...{ id, isUp, inFlight },
      ...(reason !== undefined && { reason }),
    }))
  }

  counts(): ServerCounts {
    return sumCounts(this.#listeners.map(({ server }) => server.counts))
  }

  inFlight(): number {
    return this.#inFlight
  }

  async close(drainMs: number, options: { closesIdle?: boolean } = {}): Promise<void> {
    this.#isClosing = true
    await Promise.all(this.#listeners.map(({ server }) => server.drain(drainMs, options)))
    this.#roster.close()
    await Promise.all(Array.from(this.#pools.values(), (pool) => pool.destroy()))
    this.#pools.clear()
  }

  async #exchange(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Promise<void> {
    this.#inFlight++
    try {
      await exchange(this.#context, request, response, { expectsContinue })
    } catch (error) {
      // A fault of ours in one request ends that request, never the process.
      process.emitWarning(`a request failed inside the balancer: ${describeError(error)}`, { code: 'TENFOLD_BALANCER' })
      response.destroy()
    } finally {
      this.#inFlight--
    }
  }

  async #upgrade(request: IncomingMessage, client: Socket, clientHead: Buffer): Promise<void> {
    client.on('error', () => client.destroy())
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(client)
    response.once('finish', () => client.end())
    let tunnel: Promise<void> | undefined
    this.#inFlight++
    try {
      const onUpgrade = (_status: number, headers: string[], server: Duplex) => {
        response.detachSocket(client)
        const passed = answerHeaders(headers, { status: 101, requestId: requestIdOf(request) })
        const { tunnelIdleTimeoutMs: idleTimeoutMs } = this.#options
        tunnel = runTunnel({ client, clientHead, server }, passed, { idleTimeoutMs })
      }
      await exchange(this.#context, request, response, { onUpgrade })
      await tunnel
    } catch {
      client.destroy()
    } finally {
      this.#inFlight--
    }
  }

  #answerHealth(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'GET' || (request.url !== '/-/live' && request.url !== '/-/ready')) return false
    if (request.url === '/-/live' || this.isReady()) response.end('ok\n')
    else {
      const why = this.#isClosing ? 'the balancer is closing' : 'the servers are not checked yet'
      const unready = { status: 503, code: 'unavailable', message: why, retryAfterSeconds: 1 } as const
      answerOwn(request, response, unready, { requestId: requestIdOf(request), lingerMs: this.#options.lingerMs })
    }
    return true
  }

  #poolOf(state: ServerState): Pool {
    const known = this.#pools.get(state)
    if (known) return known
    const { connectTimeoutMs, upstreamKeepAliveMs, answerHeaderBytesMax } = this.#options
    const pool = new Pool(originOf(state.upstream), {
      connections: this.#roster.upstreams.inFlightPerServerMax,
      pipelining: 1,
      connect: { timeout: connectTimeoutMs },
      keepAliveTimeout: upstreamKeepAliveMs,
      maxHeaderSize: answerHeaderBytesMax,
    })
    this.#pools.set(state, pool)
    return pool
  }

  /** What the server still has may finish; then its connections close. */
  #closePool(state: ServerState): void {
    const pool = this.#pools.get(state)
    this.#pools.delete(state)
    void pool?.close().catch(() => {})
  }
}

function originOf({ address, port }: Upstream): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}

function isSameListen(one: ListenOn, other: ListenOn): boolean {
  if ('fd' in one || 'fd' in other) return 'fd' in one && 'fd' in other && one.fd === other.fd
  return one.address === other.address && one.port === other.port
}
