// A kept answer's fields as lines that can be written at once. Age and Cache-Status change once a second; what they were is
// used until then, so that a hit makes no text.

import { answerDirectives } from './cache-control.ts'
import { cacheStatus } from './cache-status.ts'
import { isCompressible } from './compression/compressible.ts'
import { type Fields, linesOf } from './fields.ts'
import type { Kept } from './store/contract.ts'

export class Prepared {
  /** Fields of the answer; Date comes first (`answerWhole`). */
  readonly lines: string
  readonly #kept: Kept
  readonly #cache: string
  #second = -1
  #hitLines = ''
  #notModifiedLines: string | undefined
  #isImmutable: boolean | undefined
  #isCompressible: boolean | undefined

  private constructor(kept: Kept, cache: string) {
    this.#kept = kept
    this.#cache = cache
    this.lines = linesOf(kept.head.fields)
  }

  static of(kept: Kept, cache: string): Prepared {
    let prepared = kept.prepared as Prepared | undefined
    if (prepared === undefined) {
      prepared = new Prepared(kept, cache)
      kept.prepared = prepared
    }
    return prepared
  }

  /** All lines of a hit. */
  hit(nowMs: number): string {
    const age = ageSeconds(this.#kept, nowMs)
    if (age !== this.#second) {
      this.#second = age
      this.#hitLines = this.with(age, cacheStatus(this.#cache, { ttlSeconds: ttlSeconds(this.#kept, age) }))
    }
    return this.#hitLines
  }

  /** Of all lines those that a 304 says. */
  notModified(lines: string): string {
    this.#notModifiedLines ??= linesOf(notModifiedFields(this.#kept.head.fields))
    return this.#notModifiedLines + lines.slice(this.lines.length)
  }

  /** Of a 416: how much there is. */
  unsatisfiable(lines: string): string {
    return `${lines.slice(this.lines.length)}content-range: bytes */${this.#kept.head.bytes}\r\n`
  }

  get isCompressible(): boolean {
    this.#isCompressible ??= isCompressible(this.#kept.head)
    return this.#isCompressible
  }

  get isImmutable(): boolean {
    this.#isImmutable ??= answerDirectives(this.#kept.head.fields).isImmutable
    return this.#isImmutable
  }

  with(age: number, status: string): string {
    return `${this.lines}age: ${age}\r\ncache-status: ${status}\r\n`
  }
}

/** What a cache needs, and nothing of the body that is not sent (RFC 9110, 15.4.5). */
export function notModifiedFields(fields: Fields): Fields {
  return fields.filter(([name]) => !isOfTheBody(name))
}

function isOfTheBody(name: string): boolean {
  return name.startsWith('content-') && name !== 'content-location' && name !== 'content-security-policy'
}

export function ageSeconds({ head }: Kept, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - head.bornMs) / 1000))
}

export function ttlSeconds({ head }: Kept, age: number): number {
  return Math.floor(head.freshMs / 1000) - age
}
