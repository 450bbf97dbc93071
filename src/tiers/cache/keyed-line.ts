// Work on one key goes one after the other, work on several at the same time.

import { TenfoldError } from '../../base/errors.ts'

/** Writes of one key that wait: more is a caller that does not wait for its own. */
const waitingMax = 1000

interface Line {
  last: Promise<unknown>
  length: number
}

export class KeyedLine {
  readonly #lines = new Map<string, Line>()

  /** @throws overloaded when too many wait for the key. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { last: Promise.resolve(), length: 0 }
    if (line.length >= waitingMax) throw new TenfoldError('overloaded', `${waitingMax} writes wait for ${key} already`)
    this.#lines.set(key, line)
    line.length++
    const own = line.last.then(work)
    line.last = own.catch(() => {})
    try {
      return await own
    } finally {
      if (--line.length === 0) this.#lines.delete(key)
    }
  }
}
