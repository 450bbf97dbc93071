// One hand at a time on the primary of a shard: a switch, a failover and a change of its quorum exclude each other.

export class Locks {
  #last = new Map<string, Promise<unknown>>()
  #held = new Map<string, number>()

  /** Runs `work` when whoever came before has finished, in the order of arrival. Not to be called from inside `work`. */
  async run<T>(shard: string, work: () => Promise<T>): Promise<T> {
    this.#held.set(shard, (this.#held.get(shard) ?? 0) + 1)
    const running = (this.#last.get(shard) ?? Promise.resolve()).then(work)
    this.#last.set(
      shard,
      running.catch(() => {}),
    )
    try {
      return await running
    } finally {
      this.#held.set(shard, (this.#held.get(shard) ?? 1) - 1)
    }
  }

  /** Somebody works on the primary, or waits to: what is seen of it meanwhile means nothing. */
  isHeld(shard: string): boolean {
    return (this.#held.get(shard) ?? 0) > 0
  }
}
