// What the tests of the edge stand on: an edge in front of a real server on loopback, over real connections, whose answers the
// test decides. A clock that the test moves makes answers old.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { BlockList } from 'node:net'
import type { TestContext } from 'node:test'
import { Agent, request } from 'undici'
import type { Clock } from '../../../base/clock.ts'
import { systemClock } from '../../../base/clock.ts'
import { Counters } from '../../../net/http1/counters.ts'
import type { FinishedExchange } from '../../../net/http1/exchange.ts'
import type { ForwardPolicy } from '../../../net/http1/forward-policy.ts'
import { Forwarder } from '../../../net/http1/forwarder.ts'
import { TimerWheel } from '../../../net/http1/timer-wheel.ts'
import { UpstreamPool } from '../../../net/http1/upstream-pool.ts'
import { HttpServer } from '../../../net/server/http-server.ts'
import type { EdgeSettings } from '../contract.ts'
import { type EdgeOptions, type OpenEdge, openEdge, storeBounds } from '../edge.ts'
import type { Store } from '../store/contract.ts'
import { openStore } from '../store/store.ts'

const address = '127.0.0.1'

export const settings: EdgeSettings = {
  rules: [],
  memoryBytesMax: 64 * 1024 * 1024,
  diskBytesMax: 0,
  objectBytesMax: 4 * 1024 * 1024,
  admission: 'first',
  compresses: false,
  staleIfErrorMs: 60_000,
  pricePerGigabyte: 0.08,
  originPricePerGigabyte: 0.05,
}

export function defineRules(rules: EdgeSettings['rules']): Partial<EdgeSettings> {
  return { rules }
}

/** Stands still but for what the test says, so that ages are exact. */
export class ShiftedClock implements Clock {
  shiftMs = 0
  readonly #startMs = Math.floor(Date.now() / 1000) * 1000

  now(): number {
    return this.#startMs + this.shiftMs
  }

  monotonic(): number {
    return this.shiftMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal)
  }
}

/** The server behind the edge. */
export interface OriginServer {
  port: number
  /** Its Date is by this, and so is the edge's age. */
  clock: ShiftedClock
  /** Requests that it has seen, as `GET /path`. */
  seen: string[]
  headers: IncomingHttpHeaders[]
  answer: (request: IncomingMessage, response: ServerResponse) => void
  /** It answers no more, and refuses connections. */
  stop(): Promise<void>
}

export async function openOrigin(t: TestContext, answer: OriginServer['answer']): Promise<OriginServer> {
  const clock = new ShiftedClock()
  const origin: OriginServer = { port: 0, clock, seen: [], headers: [], answer, stop }
  const server = createServer((incoming, response) => {
    origin.seen.push(`${incoming.method} ${incoming.url}`)
    origin.headers.push(incoming.headers)
    response.setHeader('date', new Date(clock.now()).toUTCString())
    origin.answer(incoming, response)
  })
  server.listen(0, address)
  await once(server, 'listening')
  origin.port = (server.address() as { port: number }).port
  async function stop(): Promise<void> {
    server.closeAllConnections()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  t.after(stop)
  return origin
}

export interface EdgeFront {
  port: number
  edge: OpenEdge
  store: Store
  clock: ShiftedClock
  finished: FinishedExchange[]
  /** What each request is noted as, in order of their ends. */
  notes: string[]
  pool: UpstreamPool
  get(path: string, options?: AskOptions): Promise<Answer>
}

export interface AskOptions {
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'PATCH'
  headers?: Record<string, string | string[]>
  body?: string
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** What Cache-Status says, without the cache's name. */
  cache: string
}

export async function openEdgeFront(
  t: TestContext,
  { port: originPort, clock }: Pick<OriginServer, 'port' | 'clock'>,
  {
    settings: own = {},
    options = {},
    trustedPeers,
  }: { settings?: Partial<EdgeSettings>; options?: Partial<EdgeOptions>; trustedPeers?: BlockList } = {},
): Promise<EdgeFront> {
  const wheel = new TimerWheel()
  const shared = { wheel, counts: new Counters() }
  const pool = new UpstreamPool({ address, port: originPort }, shared)
  const finished: FinishedExchange[] = []
  const notes: string[] = []
  let inHand = 0
  const policy: ForwardPolicy = {
    retryAfterSeconds: 1,
    pick() {
      inHand++
      return { pool }
    },
    failed: () => false,
    released: () => void inHand--,
    finished: (exchange) => {
      finished.push(exchange)
      notes.push(exchange.exchange.notes.cache)
    },
  }
  const all = { ...settings, ...own }
  const store = options.store ?? (await openStore(storeBounds(all), { clock }))
  const edge = openEdge(all, { node: 'edge-1', clock, ...options, store })
  const server = new HttpServer(edge.handler(new Forwarder(policy, shared)), {
    ...shared,
    ...(trustedPeers !== undefined && { trustedPeers }),
  })
  await server.listen({ address, port: 0 }, { servesPlainHttp2: true })
  const port = server.address()?.port ?? 0
  const agent = new Agent({ connections: 2_000, pipelining: 1 })
  t.after(async () => {
    await agent.destroy()
    await server.drain(0)
    pool.destroy()
    await edge.close()
    assert.equal(inHand, 0, 'a server was picked and never released')
    assert.equal(server.inFlight, 0, 'a request is still counted')
    assert.equal(pool.waiting, 0)
    assert.equal(wheel.size, 0, 'a deadline is left')
  })
  const get: EdgeFront['get'] = async (path, { method = 'GET', headers = {}, body } = {}) => {
    const answer = await request(`http://${address}:${port}${path}`, {
      ...{ dispatcher: agent, method, headers },
      ...(body !== undefined && { body }),
    })
    const cache = String(answer.headers['cache-status'] ?? '').replace(/^edge-1; /, '') // of the last cache
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text(), cache }
  }
  return { port, edge, store, clock, finished, notes, pool, get }
}
