// Where an answer is found: by its key, by its tags, by what its address begins with.

import type { Purge } from '../contract.ts'
import type { Entry } from './entry.ts'
import { variantsMax } from './limits.ts'
import { PathTree } from './path-tree.ts'
import { keyOf } from './purge-history.ts'

const none: readonly Entry[] = Object.freeze([])

export class AnswerIndex {
  readonly #byKey = new Map<string, Entry[]>()
  readonly #byTag = new Map<string, Set<Entry>>()
  readonly #paths = new PathTree()
  #count = 0

  get count(): number {
    return this.#count
  }

  find(key: string): readonly Entry[] {
    return this.#byKey.get(key) ?? none
  }

  /** Becomes the newest of its key. What it displaces is out of the index already and given back. */
  add(entry: Entry): Entry[] {
    const { key, tags } = entry.head
    const displaced: Entry[] = []
    const variants = this.#byKey.get(key)
    if (variants) {
      const same = variants.find((other) => other.selection === entry.selection)
      const displacedOne = same ?? (variants.length >= variantsMax ? variants[variants.length - 1] : undefined)
      if (displacedOne) {
        displaced.push(displacedOne)
        this.remove(displacedOne)
      }
    }
    // Looked up anew: the removal of the only variant takes the list away.
    const list = this.#byKey.get(key)
    if (list) list.unshift(entry)
    else this.#addKey(key, entry)
    this.#enter(entry, tags)
    return displaced
  }

  /** One of an earlier process, in order of age. False, and nothing done, when its place is taken. */
  addFound(entry: Entry): boolean {
    const { key, tags } = entry.head
    const variants = this.#byKey.get(key)
    if (variants?.some((other) => other.selection === entry.selection)) return false
    if (variants && variants.length >= variantsMax) return false
    const isOlder = (other: Entry) => other.head.bornMs < entry.head.bornMs
    const at = variants?.findIndex(isOlder) ?? -1
    if (variants) variants.splice(at < 0 ? variants.length : at, 0, entry)
    else this.#addKey(key, entry)
    this.#enter(entry, tags)
    return true
  }

  remove(entry: Entry): void {
    const { key, tags } = entry.head
    const variants = this.#byKey.get(key)
    const at = variants?.indexOf(entry) ?? -1
    if (!variants || at < 0) return
    if (variants.length > 1) variants.splice(at, 1)
    else {
      this.#byKey.delete(key)
      this.#paths.remove(key)
    }
    for (const tag of tags) {
      const tagged = this.#byTag.get(tag)
      tagged?.delete(entry)
      if (tagged?.size === 0) this.#byTag.delete(tag)
    }
    this.#count--
  }

  /** All that a purge means, in a list of its own. */
  select(purge: Purge): Entry[] {
    if ('everything' in purge) return [...this.#byKey.values()].flat()
    if ('tag' in purge) return [...(this.#byTag.get(purge.tag) ?? [])]
    const keys = 'url' in purge ? [keyOf(purge.url)] : this.#paths.find(keyOf(purge.prefix))
    return keys.flatMap((key) => this.find(key))
  }

  clear(): void {
    this.#byKey.clear()
    this.#byTag.clear()
    this.#paths.clear()
    this.#count = 0
  }

  #addKey(key: string, entry: Entry): void {
    this.#byKey.set(key, [entry])
    this.#paths.add(key)
  }

  #enter(entry: Entry, tags: readonly string[]): void {
    for (const tag of tags) {
      const tagged = this.#byTag.get(tag)
      if (tagged) tagged.add(entry)
      else this.#byTag.set(tag, new Set([entry]))
    }
    this.#count++
  }
}
