// The fetches that others may join, by what they are for.

import type { Exchange } from '../../net/http1/exchange.ts'
import type { EdgeFetch } from './edge-fetch.ts'
import { type Selection, selects } from './vary.ts'

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
  idOf(key: string, selection: Selection): string {
    return selection.length === 0 ? key : `${key}\n${JSON.stringify(selection)}`
  }

  /** One whose answer will do for this request, or may. */
  find(key: string, selection: Selection, { request }: Exchange): EdgeFetch | undefined {
    const exact = this.#byId.get(this.idOf(key, selection))
    if (exact !== undefined && isOpenTo(exact, request)) return exact
    const first = this.#byId.get(key)
    return first !== undefined && isOpenTo(first, request) ? first : undefined
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
