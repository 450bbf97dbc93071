// The other fronts of the region. Each key has one of them as its owner, who is asked before a server is, so that what many
// fronts miss at once reaches the servers once. A request that came from a front is never sent to another (RFC 8586).

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import { ClientOrigin } from '../../net/http1/client-origin.ts'
import { Counters } from '../../net/http1/counters.ts'
import type { Exchange, Handler } from '../../net/http1/exchange.ts'
import type { ForwardPolicy } from '../../net/http1/forward-policy.ts'
import { Forwarder } from '../../net/http1/forwarder.ts'
import type { UpstreamLimits } from '../../net/http1/limits.ts'
import type { RequestHead } from '../../net/http1/request-head.ts'
import { TimerWheel } from '../../net/http1/timer-wheel.ts'
import { UpstreamPool } from '../../net/http1/upstream-pool.ts'
import { joined } from './fields.ts'

export interface Sibling {
  address: string
  port: number
}

/** The owner of a key; undefined when that is this front itself, or nobody else is ready. */
export type SiblingOf = (key: string) => Sibling | undefined

/** An owner that does not answer soon is no help: the servers are asked instead. */
const siblingLimits: Partial<UpstreamLimits> = { connectTimeoutMs: 250, answerTimeoutMs: 10_000 }
/** Fronts that were siblings once; more, and the oldest's connections go. */
const siblingsMax = 64

const product = 'tenfold'

export class Siblings {
  readonly node: string
  readonly of: SiblingOf
  readonly #wheel = new TimerWheel()
  readonly #counts = new Counters()
  readonly #forwarders = new Map<string, { handler: Handler; pool: UpstreamPool }>()

  readonly #secret: Buffer | undefined
  readonly #origins = new Map<string, ClientOrigin>()

  /** `node`: this front's id. `secret`: what the fronts know each other by. */
  constructor(node: string, of: SiblingOf, secret?: Buffer) {
    this.node = node.replace(/[^ -~]|["\\,]/g, '')
    this.of = of
    // Whatever else is signed with the secret is signed with another key.
    if (secret !== undefined) this.#secret = Buffer.from(hkdfSync('sha256', secret, '', 'fronts of one region', 32))
  }

  /** What another front is told of those that the request came through. */
  loopField(request: RequestHead, { host, target }: { host: string; target: string }): string {
    const before = joined(request, 'cdn-loop')
    const own = `${product}; node="${this.node}"; mac="${this.#sign(this.node, host, target)}"`
    return before === undefined ? own : `${before}, ${own}`
  }

  /**
   * Where a request comes from that another front sent: it says so itself, as a trusted proxy does. Undefined for everybody
   * else, whatever they say.
   */
  originOf({ request, origin }: Pick<Exchange, 'request' | 'origin'>): ClientOrigin | undefined {
    if (this.#secret === undefined) return undefined
    const [, node, mac] = lastMark.exec(joined(request, 'cdn-loop') ?? '') ?? []
    if (node === undefined || mac === undefined) return undefined
    const expected = this.#sign(node, request.host, request.path)
    if (!timingSafeEqual(Buffer.from(mac), Buffer.from(expected))) return undefined
    return this.#trusted(origin.address)
  }

  /** For one URL only: whoever overhears it can ask for nothing else with it. */
  #sign(node: string, host: string, target: string): string {
    return createHmac('sha256', this.#secret ?? '')
      .update(`${node}\n${host}\n${target}`)
      .digest('base64url')
  }

  #trusted(address: string): ClientOrigin {
    let origin = this.#origins.get(address)
    if (origin === undefined) {
      const trustedPeers = new BlockList()
      trustedPeers.addAddress(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
      origin = new ClientOrigin(address, { isSecure: false, trustedPeers })
      if (this.#origins.size >= siblingsMax) this.#origins.clear()
      this.#origins.set(address, origin)
    }
    return origin
  }

  forwarderTo({ address, port }: Sibling): Handler {
    const name = `${address} ${port}`
    let known = this.#forwarders.get(name)
    if (known === undefined) {
      known = this.#open({ address, port })
      this.#forwarders.set(name, known)
      if (this.#forwarders.size > siblingsMax) this.#forgetOldest()
    }
    return known.handler
  }

  close(): void {
    for (const { pool } of this.#forwarders.values()) pool.destroy()
    this.#forwarders.clear()
  }

  #open(sibling: Sibling): { handler: Handler; pool: UpstreamPool } {
    const shared = { wheel: this.#wheel, counts: this.#counts }
    const pool = new UpstreamPool(sibling, { ...shared, limits: siblingLimits })
    const policy: ForwardPolicy = {
      retryAfterSeconds: 1,
      pick: () => ({ pool }),
      // Whoever asked goes to a server instead.
      failed: () => false,
      released() {},
    }
    return { handler: new Forwarder(policy, { ...shared, limits: { attemptsMax: 1 } }), pool }
  }

  #forgetOldest(): void {
    const [oldest] = this.#forwarders
    if (oldest === undefined) return
    this.#forwarders.delete(oldest[0])
    oldest[1].pool.drain()
  }
}

/** Whether it says that it came through a front: enough to send it to no other one, and for nothing else. */
export function isFromSibling(request: RequestHead): boolean {
  return /(?:^|,)\s*tenfold\s*;\s*node=/.test(joined(request, 'cdn-loop') ?? '')
}

/** The mark of the front that sent it last. */
const lastMark = /(?:^|,)\s*tenfold; node="([^"]*)"; mac="([\w-]{43})"$/
