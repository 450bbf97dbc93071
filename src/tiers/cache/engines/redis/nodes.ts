// One server, or several that know nothing of each other. Every process has the same ring over them; whether one is up,
// each process finds out for itself.
//
// Home: the server that the ring gives a key. Stray: a value that was put on another server while the home was down. The
// processes do not agree at every moment on who is down, so that a stray may be older than what is at home, and is kept for
// `strayMsMax` only. While there may be strays of a home, whoever changes one of its keys deletes it on all servers. What
// could not be deleted is owed, and told to the other processes by way of the other servers (debt-notices.ts). That there
// are strays, word of changes tells: of a key at a server that is not its home.

import { randomBytes } from 'node:crypto'
import { systemClock } from '../../../../base/clock.ts'
import type { RedisAddress } from '../../../../programs/redis/contract.ts'
import type { Change } from '../../shared/contract.ts'
import { type DebtNotice, DebtNotices } from './debt-notices.ts'
import { Member, type ServersOptions } from './member.ts'
import type { RedisCacheLimits } from './options.ts'
import { partitionCount, partitionOf, Ring } from './ring.ts'
import { coherentUntilOf, deleteStartingAt, type Place, placeAt, type Servers } from './servers.ts'

/** Notices that no server has taken yet; of more the oldest are left out. */
const untoldMax = 1000
const tellAgainMs = 50

export interface NodesOptions extends ServersOptions {
  nodes: readonly RedisAddress[]
}

/** A server with what the ring has to know of it. */
interface Seat {
  readonly name: string
  readonly member: Member
  /** When nothing of its keys lies elsewhere. */
  readonly plain: Place
  /** When something may. */
  readonly divided: Place
  /** In place of another one. */
  readonly stray: Place
  readonly notices: DebtNotices
  /** Until then some of its keys may lie elsewhere, as others have done it: monotonic, 0 when it is over. */
  strayUntil: number
}

export class Nodes implements Servers {
  readonly #options: NodesOptions
  readonly #ring: Ring
  readonly #limits: RedisCacheLimits
  readonly #seats: Seat[] = []
  readonly #closing = new AbortController()
  #untold: DebtNotice[] = []
  #telling: Promise<void> | undefined

  private constructor(options: NodesOptions) {
    this.#options = options
    this.#ring = new Ring(options.nodes.map(nameOf))
    this.#limits = options.limits
  }

  static async open(options: NodesOptions): Promise<Nodes> {
    const nodes = new Nodes(options)
    const members = await Promise.all(options.nodes.map((node, index) => nodes.#openMember(node, index)))
    const who = randomBytes(8).toString('hex')
    for (const [index, member] of members.entries()) nodes.#seat(member, index, who)
    for (const { notices } of nodes.#others(-1)) notices.hear()
    return nodes
  }

  place(key: string): Place {
    const partition = this.#seats.length === 1 ? 0 : partitionOf(key)
    const index = this.#ring.ownerOf(partition)
    const home = this.#seats[index] as Seat
    const { isUp, backForMs } = home.member
    if (isUp && !this.#mayHaveStrays(home, backForMs)) return home.plain
    if (isUp && isBack(partition, backForMs / this.#limits.returnMs)) return home.divided
    return this.#substituteOf(partition, index)?.stray ?? home.divided
  }

  get coherentUntil(): number {
    return coherentUntilOf(this.#seats.map(({ member }) => member))
  }

  deleteStarting(starts: readonly string[]): Promise<void> {
    const members = this.#seats.map(({ member }) => member)
    return deleteStartingAt(members, this.#options.names.prefix, starts)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#telling
    await Promise.all(this.#seats.flatMap(({ member, notices }) => [notices.close(), member.close()]))
  }

  #openMember(node: RedisAddress, index: number): Promise<Member> {
    const { tell } = this.#options
    return Member.open({
      ...this.#options,
      locate: async () => node,
      tell: (change) => {
        this.#heed(change, index)
        tell(change)
      },
      // A server alone has nobody by whom it could be told.
      ...(this.#options.nodes.length > 1 && { hearDebts: () => this.#seats[index]?.notices.hear() }),
    })
  }

  #seat(member: Member, index: number, who: string): void {
    const name = nameOf(this.#options.nodes[index] as RedisAddress)
    const plain: Place = {
      ...placeAt(member),
      forget: (names) => this.#forgetAt(seat, names),
      owe: (names) => {
        member.owe(names)
        return this.#post({ server: name, names: [...names] })
      },
    }
    const other: Place['other'] = {
      forget: async (names) => {
        await Promise.all(this.#others(index).map((another) => this.#forgetAt(another, names)))
      },
    }
    const notices = new DebtNotices(member, this.#options.names.debts, who, (notice) => this.#takeOver(notice))
    const [divided, stray] = [
      { ...plain, other },
      { ...plain, other, isStray: true },
    ]
    // What was there before this process.
    const strayUntil = systemClock.monotonic() + this.#limits.strayMsMax
    const seat: Seat = { name, member, plain, divided, stray, notices, strayUntil }
    this.#seats[index] = seat
  }

  /** Deleted, or owed and told. */
  async #forgetAt({ name, member }: Seat, names: readonly string[]): Promise<void> {
    await member.forget(names)
    if (names.some((one) => member.owed.has(one))) await this.#post({ server: name, names: [...names] })
  }

  /** By whichever server takes it, now or as soon as one does. */
  async #post(notice: DebtNotice): Promise<void> {
    if (this.#seats.length === 1 || (await this.#tell(notice))) return
    this.#untold.push(notice)
    if (this.#untold.length > untoldMax) this.#untold.shift()
    this.#telling ??= this.#tellUntold().finally(() => {
      this.#telling = undefined
    })
  }

  /** Whether anybody took it. */
  async #tell(notice: DebtNotice): Promise<boolean> {
    const others = this.#seats.filter(({ name, member }) => name !== notice.server && member.isUp)
    return (await Promise.all(others.map(({ notices }) => notices.post(notice)))).includes(true)
  }

  async #tellUntold(): Promise<void> {
    const { signal } = this.#closing
    await systemClock.sleep(tellAgainMs, signal)
    for (let notice = this.#untold[0]; notice && !signal.aborted; notice = this.#untold[0]) {
      const { server, names } = notice
      const debtor = this.#seats.find(({ name }) => name === server)
      const isOwed = names.some((name) => debtor?.member.owed.has(name))
      if (isOwed && !(await this.#tell(notice))) await systemClock.sleep(tellAgainMs, signal)
      else this.#untold = this.#untold.filter((other) => other !== notice)
    }
  }

  /** Somebody could not delete something there. */
  #takeOver({ server, names }: DebtNotice): void {
    const seat = this.#seats.find(({ name }) => name === server)
    void seat?.member.forget(names)
    for (const name of names) {
      const change = this.#options.names.meaningOf(name)
      if (change) this.#options.tell(change)
    }
  }

  #heed(change: Change, index: number): void {
    const untilMs = systemClock.monotonic() + this.#limits.strayMsMax
    if (change.kind === 'all') {
      // What was put there unheard.
      for (const seat of this.#seats) seat.strayUntil = untilMs
      return
    }
    const home = this.#seats[this.#ring.ownerOf(partitionOf(change.kind === 'key' ? change.key : change.tag))]
    if (home && home !== this.#seats[index]) home.strayUntil = untilMs
  }

  #mayHaveStrays(seat: Seat, backForMs: number): boolean {
    const { returnMs, strayMsMax } = this.#limits
    if (this.#seats.length === 1) return false
    // Most calls of a day find it over, and need no clock.
    if (seat.strayUntil > 0 && systemClock.monotonic() >= seat.strayUntil) seat.strayUntil = 0
    return seat.strayUntil > 0 || backForMs <= returnMs + strayMsMax
  }

  #others(index: number): Seat[] {
    return this.#seats.filter((_, i) => i !== index)
  }

  #substituteOf(partition: number, home: number): Seat | undefined {
    const down = new Set([home])
    for (const [i, { member }] of this.#seats.entries()) if (!member.isUp) down.add(i)
    const index = this.#ring.substituteOf(partition, down)
    return index === undefined ? undefined : this.#seats[index]
  }
}

function nameOf({ address, port }: RedisAddress): string {
  return `${address}:${port}`
}

/** Partitions come back in an order that is the same everywhere, spread over all keys. */
function isBack(partition: number, share: number): boolean {
  return partition < share * partitionCount
}
