// Deletions that a server is owed: of keys that were changed while it could not be told, or of which it is not known
// whether it was. Until they are made good, we take these keys for missing there, and a server that comes back is told
// before it is asked. So a value that was replaced elsewhere meanwhile does not come back with it.
//
// The debt is this process's own: if the process ends before the server is back, an old value there ends with its time.

import type { Send } from './link.ts'

const atOnce = 200

export class Owed {
  readonly #max: number
  readonly #keys = new Set<string>()
  #isEverything = false

  constructor(max: number) {
    this.#max = max
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && !this.#isEverything
  }

  has(key: string): boolean {
    return this.#isEverything || (this.#keys.size > 0 && this.#keys.has(key))
  }

  add(keys: readonly string[]): void {
    if (this.#isEverything) return
    for (const key of keys) this.#keys.add(key)
    if (this.#keys.size > this.#max) this.addEverything()
  }

  /** More than can be named: all that is ours there has to go. */
  addEverything(): void {
    this.#isEverything = true
    this.#keys.clear()
  }

  /** @throws what `send` or `deleteAll` throw; what is not made good by then is owed as before. */
  async settle(send: Send, deleteAll: () => Promise<void>): Promise<void> {
    if (this.#isEverything) {
      await deleteAll()
      this.#isEverything = false
    }
    while (this.#keys.size > 0) {
      const keys = [...this.#keys].slice(0, atOnce)
      // One by one: in a cluster two keys of one command have to lie in one slot.
      await Promise.all(keys.map((key) => send(['UNLINK', key])))
      for (const key of keys) this.#keys.delete(key)
    }
  }
}
