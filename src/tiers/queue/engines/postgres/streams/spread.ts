// Which shard and which partition an entry goes to: by its key, always the same; without one, by turns.

export class Spread {
  #turn = 0

  /** Of the hash, the lower half chooses the shard and the upper one the partition: else a shard would use few of them. */
  of(key: string | undefined): { shardOf(count: number): number; partitionOf(count: number): number } {
    const hash = key === undefined ? undefined : hashOf(key)
    const turn = hash ?? this.#turn++ >>> 0
    return {
      shardOf: (count) => (hash === undefined ? turn : turn & 0xffff) % count,
      partitionOf: (count) => (hash === undefined ? turn : turn >>> 16) % count,
    }
  }
}

/** FNV-1a (Fowler, Noll, Vo) of UTF-16 units, its bits mixed as murmur3 does at its end: both halves are then as good. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
