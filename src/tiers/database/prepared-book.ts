// The prepared statements of one connection, by their text; the least recently used one makes room.
//
// A look-up writes one number and moves nothing: 64 slots times 10 connections are 640 statements, and a linked list
// over them costs a request more than everything else that the router does. Who goes is looked for when room is needed.

import type { Prepared } from './statement.ts'

interface Entry {
  prepared: Prepared
  /** Count of look-ups at its last use. */
  usedAt: number
}

export class PreparedBook {
  readonly #max: number
  readonly #entries = new Map<string, Entry>()
  #lookups = 0
  #namesMade = 0
  #dropped: string[] = []

  constructor(max: number) {
    this.#max = max
  }

  /** The prepared form of `text`: the one that is there, or a new one that is not parsed yet. */
  find(text: string): Prepared {
    this.#lookups++
    const known = this.#entries.get(text)
    if (known && !known.prepared.isDoubtful) {
      known.usedAt = this.#lookups
      return known.prepared
    }
    if (known) this.drop(text)
    else if (this.#entries.size >= this.#max) this.#dropOldest()
    const prepared: Prepared = { name: `t${++this.#namesMade}`, isParsed: false, isDoubtful: false, shape: undefined }
    this.#entries.set(text, { prepared, usedAt: this.#lookups })
    return prepared
  }

  drop(text: string): void {
    const entry = this.#entries.get(text)
    if (!entry) return
    this.#entries.delete(text)
    this.#dropped.push(entry.prepared.name)
  }

  /** True when the server still keeps statements that are no longer here. */
  get hasDropped(): boolean {
    return this.#dropped.length > 0
  }

  /** Their names, once: whoever takes them closes them. */
  takeDropped(): string[] {
    const names = this.#dropped
    this.#dropped = []
    return names
  }

  #dropOldest(): void {
    let oldest: string | undefined
    let oldestUse = Number.POSITIVE_INFINITY
    for (const [text, { usedAt }] of this.#entries) {
      if (usedAt >= oldestUse) continue
      oldest = text
      oldestUse = usedAt
    }
    if (oldest !== undefined) this.drop(oldest)
  }
}
