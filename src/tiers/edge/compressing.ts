// Compressed variants of what is kept: made when a client that wants one is given the bytes as they are, for those who come
// after it. They live and die with the answer that they were made of, the base.

import { warnOfFault } from '../../net/http1/fault.ts'
import type { Encoding } from './compression/accept-encoding.ts'
import { compress, isWorthKeeping } from './compression/compress.ts'
import { compressedHead, encodingSelector } from './compression/compressed-head.ts'
import type { Kept, PurgeMark, Store } from './store/contract.ts'

export class Compressing {
  readonly #store: Store
  /** Encodings that a base has, or is about to, or is not worth. */
  readonly #made = new WeakMap<Kept, Set<Encoding>>()
  #isClosed = false

  constructor(store: Store) {
    this.#store = store
  }

  /** Makes it, unless it is made already. */
  want(base: Kept, encoding: Encoding): void {
    let made = this.#made.get(base)
    if (made === undefined) {
      made = new Set()
      this.#made.set(base, made)
    }
    if (made.has(encoding)) return
    made.add(encoding)
    this.#make(base, encoding).catch(() => made.delete(encoding)) // overloaded, or its body is gone: another time
  }

  /** The base has newer fields: so have its variants. */
  refreshed(base: Kept, asked: PurgeMark): void {
    for (const [variant, encoding] of this.#of(base))
      this.#store.refresh(variant, compressedHead(base.head, encoding, variant.head.bytes), asked)
  }

  /** The base is new: what is there was made of another. */
  replaced(base: Kept): void {
    for (const [variant] of this.#of(base)) this.#store.remove(variant)
  }

  /** The one that a variant was made of. */
  baseOf(variant: Kept): Kept | undefined {
    return this.#store.find(variant.head.key).find((other) => isVariantOf(variant, other))
  }

  close(): void {
    this.#isClosed = true
  }

  async #make(base: Kept, encoding: Encoding): Promise<void> {
    const asked = this.#store.mark()
    const body = base.body ?? (await this.#store.read(base))
    const compressed = await compress(body, encoding)
    if (this.#isClosed || !isWorthKeeping(body.length, compressed.length)) return
    const { key } = base.head
    // Gone, or replaced, meanwhile.
    if (!this.#store.find(key).includes(base)) return
    try {
      const writer = this.#store.begin(key, compressed.length, asked)
      writer?.write(compressed, 0, compressed.length)
      writer?.commit(compressedHead(base.head, encoding, compressed.length))
    } catch (error) {
      warnOfFault(error)
    }
  }

  #of(base: Kept): Array<readonly [variant: Kept, encoding: Encoding]> {
    return this.#store.find(base.head.key).flatMap((variant) => {
      const encoding = encodingOf(variant)
      return encoding !== undefined && isVariantOf(variant, base) ? [[variant, encoding] as const] : []
    })
  }
}

/** Undefined for what a server made. */
export function encodingOf({ head }: Kept): Encoding | undefined {
  const selector = head.selectedBy.find(([name]) => name === encodingSelector)
  return selector?.[1] as Encoding | undefined
}

function isVariantOf(variant: Kept, base: Kept): boolean {
  if (encodingOf(base) !== undefined) return false
  const own = variant.head.selectedBy.filter(([name]) => name !== encodingSelector)
  return JSON.stringify(own) === JSON.stringify(base.head.selectedBy)
}
