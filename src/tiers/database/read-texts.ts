// Which texts read: told by their words (fences.ts), remembered, and unlearned where a replica refused one.
//
// A SELECT of a function that writes looks like a read. A replica refuses it (25006), the primary runs it, and from then
// on its text counts as a write.

import { isRead } from './fences.ts'

/** Texts that are remembered; all are forgotten when there are more, and those in use come back. */
const textsMax = 20_000

export class ReadTexts {
  readonly #known = new Map<string, boolean>()
  readonly #refused = new Set<string>()

  isRead(text: string): boolean {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const answer = isRead(text) && !this.#refused.has(text)
    if (this.#known.size >= textsMax) this.#known.clear()
    this.#known.set(text, answer)
    return answer
  }

  /** A replica said that the text writes. */
  noteWrite(text: string): void {
    if (this.#refused.size >= textsMax) this.#refused.clear()
    this.#refused.add(text)
    this.#known.set(text, false)
  }
}
