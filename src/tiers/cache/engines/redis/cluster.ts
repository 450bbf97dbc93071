// A Redis Cluster (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/): who has which slot is asked
// of any node, and corrected by whoever is asked for a slot that he does not have (MOVED, ASK).
//
// A primary that is dead takes its share with it until one of its replicas has taken over: in a cluster values cannot lie
// elsewhere meanwhile. What the dead one was owed, its successor inherits, since it has the same values.

import { systemClock } from '../../../../base/clock.ts'
import type { RedisAddress } from '../../../../programs/redis/contract.ts'
import { askAny } from './asking.ts'
import type { Send } from './link.ts'
import { Member, type ServersOptions } from './member.ts'
import { coherentUntilOf, deleteStartingAt, type Place, placeAt, type Servers } from './servers.ts'
import { slotOf } from './slot.ts'
import { read } from './wire.ts'

export interface ClusterOptions extends ServersOptions {
  /** Some of its nodes; the others are found. */
  nodes: readonly RedisAddress[]
}

interface SlotRange extends RedisAddress {
  first: number
  last: number
}

/** How often the slots are asked for while a primary is down, and how often when all is well. */
const searchMs = 200
const refreshMs = 5000
const question = ['CLUSTER', 'SLOTS']

export class Cluster implements Servers {
  readonly #options: ClusterOptions
  readonly #closing = new AbortController()
  readonly #members = new Map<string, Member>()
  #ranges: readonly SlotRange[] = []
  #refreshing: Promise<void> | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #following: Promise<void> = Promise.resolve()

  private constructor(options: ClusterOptions) {
    this.#options = options
  }

  static async open(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options)
    await cluster.#refresh()
    cluster.#following = cluster.#follow()
    return cluster
  }

  place(key: string): Place {
    const slot = slotOf(key)
    const member = this.#memberOf(slot)
    if (!member) return nowhere
    const send: Send = (args) => this.#send(member, args)
    // Keys of different slots cannot be read by one command.
    return { ...placeAt(member), send, read: async (name) => read(await send(['GET', name])) }
  }

  get coherentUntil(): number {
    return coherentUntilOf(this.#members.values())
  }

  deleteStarting(starts: readonly string[]): Promise<void> {
    return deleteStartingAt(this.#members.values(), this.#options.names.prefix, starts)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#following
    await this.#refreshing
    await Promise.all([...this.#members.values()].map((member) => member.close()))
  }

  async #send(member: Member, args: Parameters<Send>[0]): Promise<unknown> {
    try {
      return await member.send(args)
    } catch (error) {
      const redirect = error instanceof Error ? redirectIn(error.message) : undefined
      const to = redirect && this.#members.get(redirect.name)
      if (redirect?.isMoved !== false) this.#doubt()
      if (!to) throw error
      if (redirect.isMoved) return to.send(args)
      // For this one command only, which has to follow at once.
      const [, answer] = await Promise.all([to.send(['ASKING']), to.send(args)])
      return answer
    }
  }

  /** Who has which slot may have changed. Every call to a server that hangs comes here: asked for no more often than in a search. */
  #doubt(): void {
    if (systemClock.monotonic() - this.#askedAt >= searchMs) void this.#refresh()
  }

  #memberOf(slot: number): Member | undefined {
    const range = this.#ranges.find(({ first, last }) => slot >= first && slot <= last)
    return range && this.#members.get(nameOf(range))
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing
    let sinceMs = 0
    while (!signal.aborted) {
      await systemClock.sleep(searchMs, signal)
      sinceMs += searchMs
      const isWhole = this.#ranges.length > 0 && [...this.#members.values()].every(({ isUp }) => isUp)
      if (signal.aborted || (isWhole && sinceMs < refreshMs)) continue
      sinceMs = 0
      this.#doubt()
      await this.#refreshing
    }
  }

  /** Never rejects: without an answer all stays as it is. */
  #refresh(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#refreshing ?? Promise.resolve()
    this.#refreshing ??= this.#learn()
      .catch(() => {})
      .finally(() => {
        this.#refreshing = undefined
      })
    return this.#refreshing
  }

  async #learn(): Promise<void> {
    this.#askedAt = systemClock.monotonic()
    const ranges = await this.#askMembers().catch(() => this.#askAnybody())
    for (const range of ranges) {
      if (this.#members.has(nameOf(range)) || this.#closing.signal.aborted) continue
      const { address, port } = range
      const locate = async () => ({ address, port })
      this.#members.set(nameOf(range), await Member.open({ ...this.#options, locate }))
    }
    this.#adopt(ranges)
  }

  /** Over the links that there are: a search goes on for seconds, and a new connection to every node each time would be felt. */
  #askMembers(): Promise<SlotRange[]> {
    const up = [...this.#members.values()].filter(({ isUp }) => isUp)
    return Promise.any(
      up.map(async (member) => {
        const ranges = rangesIn(await member.send(question))
        if (!ranges) throw new Error('it does not know')
        return ranges
      }),
    )
  }

  #askAnybody(): Promise<SlotRange[]> {
    const { nodes, username, password, limits } = this.#options
    const known = [...this.#ranges, ...nodes].map(({ address, port }) => ({ address, port }))
    const asked = [...new Map(known.map((node) => [nameOf(node), node])).values()]
    const credentials = { username, password }
    return askAny(asked, credentials, question, { timeoutMs: limits.connectMsMax, read: rangesIn })
  }

  #adopt(ranges: readonly SlotRange[]): void {
    const before = this.#ranges
    this.#ranges = ranges
    for (const { first, last, ...node } of ranges)
      for (const old of before) {
        if (old.last < first || old.first > last || nameOf(old) === nameOf(node)) continue
        const [debtor, heir] = [this.#members.get(nameOf(old)), this.#members.get(nameOf(node))]
        if (!debtor || !heir || debtor.owed.isEmpty) continue
        heir.owed.inherit(debtor.owed)
        heir.owe([])
      }
    const serving = new Set(ranges.map(nameOf))
    for (const [name, member] of this.#members) {
      if (serving.has(name)) continue
      this.#members.delete(name)
      void member.close()
    }
    // Slots moved without a word of the values in them.
    if (before.length > 0 && JSON.stringify(before) !== JSON.stringify(ranges)) this.#options.tell({ kind: 'all' })
  }
}

const refused: Send = () => Promise.reject(new Error('no server of the cluster has this slot'))

/** While no node of the cluster could be asked, or has the slot: nothing is there, and nothing can be owed to anybody. */
const nowhere: Place = {
  send: refused,
  read: async () => undefined,
  isStray: false,
  isOwed: () => false,
  forget: async () => {},
  owe: () => {},
  other: undefined,
}

function nameOf({ address, port }: RedisAddress): string {
  return `${address}:${port}`
}

/** `MOVED 3999 127.0.0.1:6381`, `ASK 3999 127.0.0.1:6381`. */
function redirectIn(message: string): { isMoved: boolean; name: string } | undefined {
  const [, kind, name] = /^(MOVED|ASK) \d+ (\S+)$/.exec(message) ?? []
  return name === undefined ? undefined : { isMoved: kind === 'MOVED', name }
}

/** CLUSTER SLOTS: [first, last, [address, port, id, ...] of the primary, of replicas...]. Undefined when it knows none. */
function rangesIn(answer: unknown): SlotRange[] | undefined {
  if (!Array.isArray(answer) || answer.length === 0) return undefined
  return answer
    .map(([first, last, [address, port]]) => ({
      first: Number(first),
      last: Number(last),
      address: String(address),
      port: Number(port),
    }))
    .sort((a, b) => a.first - b.first)
}
