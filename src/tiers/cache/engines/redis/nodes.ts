// One server, or several that know nothing of each other. Every process has the same ring over them; whether one is up,
// each process finds out for itself.
//
// Home: the server that the ring gives a key. Stray: a value that was put on another server while the home was down. The
// processes do not agree at every moment on who is down, so that a stray may be older than what is at home, and is kept for
// `strayMsMax` only. Whoever changes a key deletes it in the place that he does not use, or owes that.

import type { RedisAddress } from '../../../../programs/redis/contract.ts'
import { Member, type ServersOptions } from './member.ts'
import type { RedisCacheLimits } from './options.ts'
import { partitionCount, partitionOf, Ring } from './ring.ts'
import { coherentUntilOf, deleteStartingAt, type Place, placeAt, type Servers } from './servers.ts'

export interface NodesOptions extends ServersOptions {
  nodes: readonly RedisAddress[]
}

export class Nodes implements Servers {
  readonly #members: readonly Member[]
  readonly #ring: Ring
  readonly #limits: RedisCacheLimits
  readonly #prefix: string

  private constructor(members: readonly Member[], { nodes, limits, names }: NodesOptions) {
    this.#members = members
    this.#ring = new Ring(nodes.map(({ address, port }) => `${address}:${port}`))
    this.#limits = limits
    this.#prefix = names.prefix
  }

  static async open(options: NodesOptions): Promise<Nodes> {
    const open = (node: RedisAddress) => Member.open({ ...options, locate: async () => node })
    return new Nodes(await Promise.all(options.nodes.map(open)), options)
  }

  place(key: string): Place {
    const partition = partitionOf(key)
    const index = this.#ring.ownerOf(partition)
    const home = this.#members[index] as Member
    const { returnMs, strayMsMax } = this.#limits
    const { backForMs } = home
    if (home.isUp && backForMs > returnMs + strayMsMax) return placeAt(home)
    const substitute = this.#substituteOf(partition, index)
    if (home.isUp && (substitute === undefined || isBack(partition, backForMs / returnMs)))
      return placeAt(home, { other: substitute })
    if (substitute === undefined) return placeAt(home)
    return placeAt(substitute, { other: home, isStray: true })
  }

  get coherentUntil(): number {
    return coherentUntilOf(this.#members)
  }

  deleteStarting(starts: readonly string[]): Promise<void> {
    return deleteStartingAt(this.#members, this.#prefix, starts)
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()))
  }

  #substituteOf(partition: number, home: number): Member | undefined {
    const down = new Set([home])
    for (const [i, member] of this.#members.entries()) if (!member.isUp) down.add(i)
    const index = this.#ring.substituteOf(partition, down)
    return index === undefined ? undefined : this.#members[index]
  }
}

/** Partitions come back in an order that is the same everywhere, spread over all keys. */
function isBack(partition: number, share: number): boolean {
  return partition < share * partitionCount
}
