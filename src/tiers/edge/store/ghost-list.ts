// Keys of what eviction threw out, for as long as what came after them would have fitted into the same room.
// Only a hash of each is kept: a false match lets something into the main queue early, which costs nothing else.

import { ghostsMax } from './limits.ts'

export class GhostList {
  /** Hash and size, in the order in which they came. */
  readonly #sizes = new Map<number, number>()
  #bytes = 0

  add(key: string, bytes: number, roomBytes: number): void {
    const hash = hashOf(key)
    this.#forget(hash)
    this.#sizes.set(hash, bytes)
    this.#bytes += bytes
    for (const oldest of this.#sizes.keys()) {
      if (this.#bytes <= roomBytes && this.#sizes.size <= ghostsMax) break
      this.#forget(oldest)
    }
  }

  /** Whether the key was there; it is not any more. */
  take(key: string): boolean {
    return this.#sizes.size > 0 && this.#forget(hashOf(key))
  }

  #forget(hash: number): boolean {
    const bytes = this.#sizes.get(hash)
    if (bytes === undefined) return false
    this.#bytes -= bytes
    return this.#sizes.delete(hash)
  }
}

/** FNV-1a, 32 bits (G. Fowler, L. C. Noll, K.-P. Vo), over UTF-16 units. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
