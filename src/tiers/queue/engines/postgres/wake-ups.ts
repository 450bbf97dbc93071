// Tells workers of other processes that jobs have come: one NOTIFY for all queues of a shard, the first at once, then at
// most every 5 ms. Never inside of somebody's commit: a NOTIFY makes commits of a database wait for each other, and
// takes half of the publishes away (measured: 39-58%). The first goes in the flight of its publish, behind the commit, which
// spares the job two processes that have to wake up. Lost ones do no harm; workers look by themselves besides.

import type { FollowUp, ShardDatabase } from '../../../database/contract.ts'
import { anyQueue, Listener, type ListenPlace } from './listener.ts'
import { notifyStatement } from './statements.ts'

const intervalMs = 5
/** NOTIFY takes 8000 bytes; more names than fit say "any queue". */
const payloadMax = 7000

/** Jobs came to that line. */
export interface News {
  queue: string
  rank: number
}
/** `rank` undefined: nothing is known of it. Queue undefined: any. */
type Hint = (queue: string | undefined, rank: number | undefined) => void

export class WakeUps {
  readonly #me = Math.random().toString(36).slice(2, 10)
  readonly #shards: () => readonly ShardDatabase[]
  readonly #hints = new Set<Hint>()
  /** Shard to the queues that it has news of. */
  readonly #waiting = new Map<string, Set<string>>()
  readonly #listener: Listener | undefined
  #timer: NodeJS.Timeout | undefined
  /** Shards that are being told. */
  readonly #sending = new Map<string, Promise<unknown>>()

  constructor(shards: () => readonly ShardDatabase[], place: ListenPlace | undefined) {
    this.#shards = shards
    this.#listener = place && new Listener(place, (payload) => this.#hear(payload))
  }

  /** What goes along with a publish. Undefined: nothing does, and `tell` says it once the jobs are committed. */
  along(news: readonly News[]): FollowUp | undefined {
    if (this.#timer) return undefined
    this.#rest()
    return this.#notice(new Set(news.map(nameOf)))
  }

  /** Jobs were published here, and are committed. Those who listen at the shards hear of it, and all here. */
  tell(shards: readonly string[], news: News): void {
    for (const hint of this.#hints) hint(news.queue, news.rank)
    for (const shard of shards) {
      const names = this.#waiting.get(shard)
      if (names) names.add(nameOf(news))
      else this.#waiting.set(shard, new Set([nameOf(news)]))
    }
    if (this.#waiting.size > 0 && !this.#timer) this.#send()
  }

  watch(hint: Hint): { close(): Promise<void> } {
    this.#hints.add(hint)
    this.#listener?.start()
    return {
      close: async () => {
        this.#hints.delete(hint)
        if (this.#hints.size === 0) await this.#listener?.stop()
      },
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#hints.clear()
    await this.#listener?.stop()
    await Promise.all(this.#sending.values())
  }

  #send(): void {
    const all = this.#shards()
    for (const [id, names] of this.#waiting) {
      // One that does not answer hears all of it later, in one.
      if (this.#sending.has(id)) continue
      this.#waiting.delete(id)
      const { text, values } = this.#notice(names)
      const sent = all.find((shard) => shard.id === id)?.query(text, values, { from: 'primary' })
      if (sent)
        this.#sending.set(
          id,
          sent.catch(() => {}).finally(() => this.#sending.delete(id)),
        )
    }
    this.#rest()
  }

  #rest(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#waiting.size > 0) this.#send()
    }, intervalMs)
    this.#timer.unref()
  }

  #notice(names: ReadonlySet<string>): FollowUp {
    const list = [...names].join(' ')
    return { text: notifyStatement, values: [`${this.#me} ${list.length > payloadMax ? anyQueue : list}`] }
  }

  #hear(payload: string): void {
    const [from, ...names] = payload.split(' ')
    if (from === this.#me) return
    for (const name of names) {
      const slash = name.lastIndexOf('/')
      for (const hint of this.#hints) {
        if (slash < 0) hint(undefined, undefined)
        else hint(name.slice(0, slash), Number(name.slice(slash + 1)))
      }
    }
  }
}

function nameOf({ queue, rank }: News): string {
  return `${queue}/${rank}`
}
