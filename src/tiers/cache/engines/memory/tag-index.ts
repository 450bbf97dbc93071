// Which values stand under a tag.

import { sizeOfString } from './size.ts'

/** A tag's place in the index and the value's place under it, beside the text. */
const tagBytes = 96

export class TagIndex<Value> {
  readonly #values = new Map<string, Set<Value>>()

  add(tags: readonly string[], value: Value): void {
    for (const tag of tags) {
      const values = this.#values.get(tag)
      if (values) values.add(value)
      else this.#values.set(tag, new Set([value]))
    }
  }

  remove(tags: readonly string[], value: Value): void {
    for (const tag of tags) {
      const values = this.#values.get(tag)
      values?.delete(value)
      if (values?.size === 0) this.#values.delete(tag)
    }
  }

  /** A copy, since whoever asks goes on to delete. */
  of(tag: string): Value[] {
    return [...(this.#values.get(tag) ?? [])]
  }

  bytesOf(tags: readonly string[]): number {
    let bytes = 0
    for (const tag of tags) bytes += tagBytes + sizeOfString(tag)
    return bytes
  }
}
