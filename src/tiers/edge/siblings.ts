// The other fronts of the region. Each key has one of them as its owner, who is asked before a server is, so that what many
// fronts miss at once reaches the servers once. A request that came from a front is never sent to another (RFC 8586).

import { Counters } from '../../net/http1/counters.ts'
import type { Handler } from '../../net/http1/exchange.ts'
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

  /** `node`: this front's id. */
  constructor(node: string, of: SiblingOf) {
    this.node = node
    this.of = of
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

export function isFromSibling(request: RequestHead): boolean {
  return /(?:^|,)\s*tenfold\s*;\s*node=/.test(joined(request, 'cdn-loop') ?? '')
}

/** What the next one is told of those that the request came through; `node` is added when it is another front. */
export function loopField(request: RequestHead, node: string | undefined): string {
  const before = joined(request, 'cdn-loop')
  if (node === undefined) return before ?? ''
  const own = `${product}; node="${node.replace(/[^ -~]|["\\]/g, '')}"`
  return before === undefined ? own : `${before}, ${own}`
}
