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
  /** With the number of the change that made the debt. */
  readonly #keys = new Map<string, number>()
  #changes = 0
  /** Everything, and since which change. */
  #everythingSince: number | undefined

  constructor(max: number) {
    this.#max = max
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#everythingSince === undefined
  }

  has(key: string): boolean {
    return this.#everythingSince !== undefined || (this.#keys.size > 0 && this.#keys.has(key))
  }

  /** What is owed already is owed anew: a deletion that is under way may have come before this change. */
  add(keys: readonly string[]): void {
    this.#changes++
    for (const key of keys) this.#keys.set(key, this.#changes)
    if (this.#keys.size > this.#max) this.addEverything()
  }

  /** More than can be named: all that is ours there has to go. */
  addEverything(): void {
    this.#everythingSince = ++this.#changes
    this.#keys.clear()
  }

  /** What another server was owed, if that one's keys are this one's now. */
  inherit(debt: Owed): void {
    if (debt.#everythingSince !== undefined) this.addEverything()
    this.add([...debt.#keys.keys()])
  }

  /** @throws unavailable when some could not be deleted, which are owed as before. */
  async settleNamed(send: Send): Promise<void> {
    const debts = [...this.#keys]
    let left = 0
    for (let i = 0; i < debts.length; i += atOnce) {
      const some = debts.slice(i, i + atOnce)
      // One by one: in a cluster two keys of one command have to lie in one slot.
      const answers = await Promise.allSettled(some.map(([name]) => send(['UNLINK', name])))
      for (const [j, answer] of answers.entries()) {
        const [name, change] = some[j] as [string, number]
        if (answer.status === 'rejected' && !isElsewhere(answer.reason)) left++
        else if (this.#keys.get(name) === change) this.#keys.delete(name)
      }
    }
    if (left > 0) throw new TenfoldError('unavailable', `${left} keys could not be deleted`)
  }

  /** @throws as `settleNamed`, and what `deleteAll` throws. */
  async settle(send: Send, deleteAll: () => Promise<void>): Promise<void> {
    const since = this.#everythingSince
    if (since !== undefined) {
      await deleteAll()
      if (this.#everythingSince === since) this.#everythingSince = undefined
    }
    await this.settleNamed(send)
  }
}

/** A node of a cluster that has the key no more: whoever has it now has inherited the debt. */
function isElsewhere(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('MOVED')
}
