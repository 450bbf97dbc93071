// One server among those that hold the values: the link to it, and the deletions that it is owed.

import { systemClock } from '../../../../base/clock.ts'
import type { RedisAddress } from '../../../../programs/redis/contract.ts'
import type { Change } from '../../shared/contract.ts'
import type { KeyNames } from './keys.ts'
import { type LinkOptions, RedisLink, type Send } from './link.ts'
import type { RedisCacheLimits } from './options.ts'
import { Owed } from './owed.ts'
import { Reads } from './reads.ts'
import { clearServer } from './scan.ts'
import { Watch } from './watch.ts'

const settleMs = 100

/** What all servers of one cache have in common. */
export interface ServersOptions {
  username: string
  password: string
  names: KeyNames
  limits: RedisCacheLimits
  /** Word of changes at any of them. */
  tell(change: Change): void
  /** See link.ts. */
  onRefused?(error: Error, server: RedisAddress): void
  /** See watch.ts. */
  hearDebts?(): void
}

export class Member {
  readonly owed: Owed
  readonly send: Send = (args) =>
    this.#open.send(args).catch((error: unknown) => {
      // It is no primary (any more): whoever names the primary is asked again.
      if (error instanceof Error && /^(READONLY|MASTERDOWN)/.test(error.message)) this.reconnect()
      throw error
    })
  readonly reads: Reads
  readonly #prefix: string
  readonly #closing = new AbortController()
  #link: RedisLink | undefined
  #watch: Watch | undefined
  #settling: Promise<void> | undefined

  private constructor(prefix: string, { owedMax, callsMax }: RedisCacheLimits) {
    this.#prefix = prefix
    this.owed = new Owed(owedMax)
    this.reads = new Reads(this.send, callsMax)
  }

  static async open(options: ServersOptions & Pick<LinkOptions, 'locate' | 'prepare'>): Promise<Member> {
    const { names, limits, tell } = options
    const member = new Member(names.prefix, limits)
    const prepare = async (send: Send) => {
      await options.prepare?.(send)
      // Everything takes longer than connecting may; until it is gone, all is taken for missing.
      await member.owed.settleNamed(send)
    }
    // What was owed in the moment between the two is made good after it.
    const onUp = () => {
      if (!member.owed.isEmpty) member.owe([])
      options.hearDebts?.()
    }
    const [link, watch] = await Promise.all([
      RedisLink.open({ ...options, prepare, onUp }),
      Watch.open(options, names, tell, options.hearDebts),
    ])
    member.#link = link
    member.#watch = watch
    return member
  }

  get isUp(): boolean {
    return this.#link?.isUp ?? false
  }

  /** Whether word of changes can come, as far as is known. */
  get isHeard(): boolean {
    return this.#watch?.isUp ?? false
  }

  get coherentUntil(): number {
    return this.#watch?.coherentUntil ?? Number.NEGATIVE_INFINITY
  }

  get backForMs(): number {
    return this.#open.backForMs
  }

  /** To somewhere else, perhaps. */
  reconnect(): void {
    this.#open.reconnect()
    this.#watch?.reconnect()
  }

  /** These keys are gone from it: now, or else before it is asked for them again. Never rejects. */
  async forget(keys: readonly string[]): Promise<void> {
    try {
      if (!this.isUp) return this.owed.add(keys)
      await this.send(['UNLINK', ...keys])
    } catch {
      this.owe(keys)
    }
  }

  owe(keys: readonly string[]): void {
    this.owed.add(keys)
    this.#settling ??= this.#settleSoon()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([this.#open.close(), this.#watch?.close()])
    await this.#settling
  }

  /** While it is up; a server that is down is told when it is back. */
  async #settleSoon(): Promise<void> {
    const { signal } = this.#closing
    await systemClock.sleep(0, signal) // onUp comes before the link says that it is up
    while (!signal.aborted && this.isUp && !this.owed.isEmpty) {
      await systemClock.sleep(settleMs, signal)
      if (!signal.aborted && this.isUp) await this.#settle(this.send).catch(() => {})
    }
    this.#settling = undefined
  }

  #settle(send: Send): Promise<void> {
    return this.owed.settle(send, () => clearServer(send, this.#prefix))
  }

  get #open(): RedisLink {
    return this.#link as RedisLink
  }
}
