// Purges, for the answers that were on their way when they happened: a server may have made such an answer before.

import type { Purge } from '../contract.ts'
import type { PurgeMark } from './contract.ts'
import { purgesRememberedMax } from './limits.ts'

/** What becomes of an answer that was asked for at some mark. */
export type PurgeVerdict = 'kept' | 'soft' | 'gone'

export class PurgeHistory {
  /** The newest last; its mark is `#mark`. */
  #purges: Purge[] = []
  #mark: PurgeMark = 0

  get mark(): PurgeMark {
    return this.#mark
  }

  add(purge: Purge): void {
    this.#mark++
    this.#purges.push(purge)
    // Cut in halves, so that adding stays cheap.
    if (this.#purges.length > purgesRememberedMax * 2) this.#purges = this.#purges.slice(-purgesRememberedMax)
  }

  verdict(asked: PurgeMark, key: string, tags: readonly string[]): PurgeVerdict {
    const later = this.#mark - asked
    if (later === 0) return 'kept'
    if (later > this.#purges.length) return 'gone'
    let verdict: PurgeVerdict = 'kept'
    for (const purge of this.#purges.slice(-later)) {
      if (!matches(purge, key, tags)) continue
      if (!purge.soft) return 'gone'
      verdict = 'soft'
    }
    return verdict
  }
}

export function matches(purge: Purge, key: string, tags: readonly string[]): boolean {
  if ('everything' in purge) return true
  if ('tag' in purge) return tags.includes(purge.tag)
  return 'url' in purge ? key === keyOf(purge.url) : key.startsWith(keyOf(purge.prefix))
}

/** Of an address, or of what addresses begin with: only GET is kept. */
export function keyOf(address: string): string {
  return `${keyStart}${address}`
}

export function urlOf(key: string): string {
  return key.slice(keyStart.length)
}

const keyStart = 'GET '
