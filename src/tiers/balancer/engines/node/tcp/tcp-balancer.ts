// Mode `tcp` as a balancer: connections passed on, and on the balancer's own address what it says of its health by HTTP.

import type { AddressInfo } from 'node:net'
import type { Exchange, Handler } from '../../../../../net/http1/exchange.ts'
import { defaultServerLimits, defaultUpstreamLimits } from '../../../../../net/http1/limits.ts'
import { TimerWheel } from '../../../../../net/http1/timer-wheel.ts'
import { HttpServer } from '../../../../../net/server/http-server.ts'
import type { ServerCounts } from '../../../../../net/server-counts.ts'
import type { Balancer, ListenOn, ListenOptions, Upstreams } from '../../../contract.ts'
import { type BalancerOptions, defaultBalancerOptions } from '../../../options.ts'
import { Roster } from '../../../roster.ts'
import type { NodeBalancerOptions } from '../node-balancer-options.ts'
import { OwnHealth } from '../own-health.ts'
import { checkSameMode } from '../same-mode.ts'
import { TcpFront } from './tcp-front.ts'

export class TcpBalancer implements Balancer {
  readonly #wheel = new TimerWheel()
  readonly #roster: Roster
  readonly #front: TcpFront
  readonly #ownHealth: HttpServer[] = []
  /** Of each listener, in the order of the calls. */
  readonly #addresses: Array<() => { address: string; port: number } | undefined> = []
  #isClosing = false

  constructor(upstreams: Upstreams, { server, upstream, sendsProxyHeader = false, ...given }: NodeBalancerOptions) {
    const options: BalancerOptions = { ...defaultBalancerOptions, ...given }
    this.#roster = new Roster(upstreams, options)
    this.#front = new TcpFront(this.#roster, {
      ...{ options, sendsProxyHeader, wheel: this.#wheel },
      server: { ...defaultServerLimits, ...server },
      upstream: { ...defaultUpstreamLimits, ...upstream },
    })
  }

  /** Connections at servers that are gone, or drain, go on until they end by themselves. */
  async update(upstreams: Upstreams): Promise<void> {
    checkSameMode(this.#roster.upstreams, upstreams)
    this.#roster.update(upstreams)
  }

  /** On the listener that answers for the balancer itself nothing is passed on: bytes do not say what they are. */
  async listen(on: ListenOn, { answersHealth = false }: ListenOptions = {}): Promise<void> {
    if (!answersHealth) {
      const server = await this.#front.listen(on)
      this.#addresses.push(() => (server.address() as AddressInfo | null) ?? undefined)
      return
    }
    const server = new HttpServer(new OwnHealth(nothing, this), { wheel: this.#wheel })
    await server.listen(on)
    this.#ownHealth.push(server)
    this.#addresses.push(() => server.address())
  }

  addresses(): ReadonlyArray<{ address: string; port: number }> {
    return this.#addresses.flatMap((addressOf) => {
      const bound = addressOf()
      return bound === undefined ? [] : { address: bound.address, port: bound.port }
    })
  }

  async leave(on: ListenOn): Promise<void> {
    this.#front.leave(on)
  }

  get isClosing(): boolean {
    return this.#isClosing
  }

  isReady(): boolean {
    return this.#roster.isSettled && !this.#isClosing
  }

  health(): ReadonlyArray<{ id: string; isUp: boolean; inFlight: number; reason?: string }> {
    return this.#roster.health()
  }

  inFlight(): number {
    return this.#front.inFlight()
  }

  counts(): ServerCounts {
    return this.#front.counts()
  }

  async close(drainMs: number): Promise<void> {
    this.#isClosing = true
    await this.#front.drain(drainMs)
    await Promise.all(this.#ownHealth.map((server) => server.drain(0)))
    this.#roster.close()
  }
}

const nothing: Handler = {
  handle: (exchange: Exchange) =>
    exchange.answer({ status: 404, code: 'not-found', message: 'this address answers for the balancer alone' }),
}
