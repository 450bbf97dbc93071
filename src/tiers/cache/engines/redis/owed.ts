// Deletions that a server is owed: of keys that were changed while it could not be told, or of which it is not known
// whether it was. Until they are made good, we take these keys for missing there, and a server that comes back is told
// before it is asked. So a value that was replaced elsewhere meanwhile does not come back with it.
//
// The debt is this process's own: if the process ends before the server is back, an old value there ends with its time.

import { TenfoldError } from '../../../../base/errors.ts'
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

  /** What another server was owed, if that one's keys are this one's now. */
  inherit(debt: Owed): void {
    if (debt.#isEverything) this.addEverything()
    else this.add([...debt.#keys])
  }

  /** @throws unavailable when some could not be deleted, which are owed as before. */
  async settleNamed(send: Send): Promise<void> {
    const names = [...this.#keys]
    let left = 0
    for (let i = 0; i < names.length; i += atOnce) {
      const some = names.slice(i, i + atOnce)
      // One by one: in a cluster two keys of one command have to lie in one slot.
      const answers = await Promise.allSettled(some.map((name) => send(['UNLINK', name])))
      for (const [j, answer] of answers.entries())
        if (answer.status === 'fulfilled' || isElsewhere(answer.reason)) this.#keys.delete(some[j] as string)
        else left++
    }
    if (left > 0) throw new TenfoldError('unavailable', `${left} keys could not be deleted`)
  }

  /** @throws as `settleNamed`, and what `deleteAll` throws. */
  async settle(send: Send, deleteAll: () => Promise<void>): Promise<void> {
    if (this.#isEverything) {
      await deleteAll()
      this.#isEverything = false
    }
    await this.settleNamed(send)
  }
}

/** A node of a cluster that has the key no more: whoever has it now has inherited the debt. */
function isElsewhere(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('MOVED')
}
