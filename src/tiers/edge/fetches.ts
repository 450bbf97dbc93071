// The fetches that others may join, by what they are for.

import type { Exchange } from '../../net/http1/exchange.ts'
import type { EdgeFetch } from './edge-fetch.ts'
import { type Selection, selects } from './vary.ts'

/** Beside a fetch at another front there can be one for another front. */
const forSibling = '\n!'

export class Fetches {
  readonly #byId = new Map<string, EdgeFetch>()
  /** All that are under way, those that nobody may join too. */
  readonly #all = new Set<EdgeFetch>()

  get count(): number {
    return this.#all.size
  }

  get all(): Iterable<EdgeFetch> {
    return this.#all
  }

  /** `selection`: what is known of how requests for this key differ. */
  idOf(key: string, selection: Selection, isFromSibling = false): string {
    const id = selection.length === 0 ? key : `${key}\n${JSON.stringify(selection)}`
    return isFromSibling ? id + forSibling : id
  }

  /**
   * One whose answer will do for this request, or may. A request of another front never waits for a fetch at another front:
   * two of them could wait for each other.
   */
  find(
    key: string,
    selection: Selection,
    { request, isFromSibling }: { request: Exchange['request']; isFromSibling: boolean },
  ): EdgeFetch | undefined {
    for (const id of [key, this.idOf(key, selection)])
      for (const each of [id, id + forSibling]) {
        const fetch = this.#byId.get(each)
        if (fetch === undefined || (isFromSibling && fetch.isAtSibling)) continue
        if (isOpenTo(fetch, request)) return fetch
      }
    return undefined
  }

  add(fetch: EdgeFetch): void {
    this.#all.add(fetch)
    if (fetch.for.id !== '') this.#byId.set(fetch.for.id, fetch)
  }

  /** Nobody more may join it. */
  close(fetch: EdgeFetch): void {
    if (this.#byId.get(fetch.for.id) === fetch) this.#byId.delete(fetch.for.id)
  }

  delete(fetch: EdgeFetch): void {
    this.close(fetch)
    this.#all.delete(fetch)
  }

  /** Whoever comes from now on wants something newer. */
  closeAll(): void {
    this.#byId.clear()
  }

  /** What was fetched for this key was made before it changed. */
  outdate(key: string): void {
    for (const fetch of this.#all) {
      if (fetch.for.key !== key) continue
      fetch.isOutdated = true
      this.close(fetch)
    }
  }
}

function isOpenTo(fetch: EdgeFetch, request: Exchange['request']): boolean {
  if (fetch.isAsking) return true
  return (
    fetch.isKeeping && fetch.selectedBy !== undefined && selects(fetch.selectedBy, request, fetch.pending?.fields ?? [])
  )
}
