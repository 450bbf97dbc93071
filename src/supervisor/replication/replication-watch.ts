// Looks at every shard, ten times a second.

import { Lifecycle } from '../../base/lifecycle.ts'
import type { Mender } from '../executor.ts'
import type { System } from '../system.ts'
import { ShardWatch } from './shard-watch.ts'

const lookIntervalMs = 100

export class ReplicationWatch extends Lifecycle {
  readonly #system: System
  readonly #executor: Mender
  readonly #shards = new Map<string, ShardWatch>()
  readonly #looking = new Map<string, Promise<void>>()
  #timer: NodeJS.Timeout | undefined

  constructor(system: System, executor: Mender) {
    super()
    this.#system = system
    this.#executor = executor
  }

  /** Of a replica; undefined while it is not known to stream. */
  lagOf(shard: string, node: string): { lagBytes: number; lagMs: number } | undefined {
    return this.#shards.get(shard)?.lagOf(node)
  }

  protected async open(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), lookIntervalMs)
  }

  protected async close(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#looking.values())
    await Promise.all(Array.from(this.#shards.values(), (shard) => shard.close()))
    this.#shards.clear()
  }

  #look(): void {
    for (const { id } of this.#system.keeper.map.shards) {
      if (this.#looking.has(id)) continue
      const watch = this.#shards.get(id) ?? new ShardWatch(this.#system, this.#executor, id)
      this.#shards.set(id, watch)
      this.#looking.set(
        id,
        watch.look().finally(() => this.#looking.delete(id)),
      )
    }
  }
}
