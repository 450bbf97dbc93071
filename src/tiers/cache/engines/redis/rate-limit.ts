// A sliding window, counted at the server by its own clock, in ten parts of the window: memory does not grow with the
// limit, no burst at a window's edge gets twice the limit through (as fixed windows let it), and room comes back at most a
// tenth of the window late.

import type { RateLimiter, Taken } from '../../shared/contract.ts'
import { checkLimit, windowParts } from '../../shared/guard-terms.ts'
import type { KeyNames } from './keys.ts'
import { orUnavailable } from './lock.ts'
import { limitScript, runScript } from './scripts.ts'
import type { Servers } from './servers.ts'

export class RedisRateLimiter implements RateLimiter {
  readonly #servers: Servers
  readonly #names: KeyNames

  constructor(servers: Servers, names: KeyNames) {
    this.#servers = servers
    this.#names = names
  }

  async take(
    name: string,
    { limit, windowMs, cost = 1 }: { limit: number; windowMs: number; cost?: number },
  ): Promise<Taken> {
    checkLimit(name, limit, windowMs, cost)
    const { send } = this.#servers.place(name)
    const args = [limit, windowMs, cost, windowParts].map(String)
    const answer = await orUnavailable(runScript(send, limitScript, [this.#names.limit(name, windowMs)], args))
    const [isAllowed, remaining, retryMs] = answer as [number, number, number]
    return { isAllowed: isAllowed === 1, remaining, retryMs: isAllowed === 1 ? 0 : retryMs }
  }
}
