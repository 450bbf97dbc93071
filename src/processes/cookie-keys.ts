// The keys that sign cookies, as a process has them: read at its start, and again when the map says that there are others, or
// when a cookie comes that none of them has signed.
//
// So a rotation needs no order among processes. The file has the new key before anybody signs with it; whoever signs with
// it early, and whoever hears of it late (it stood still, it starts just now), both find it there.

import { stat } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { Home } from '../map/home.ts'
import { readSecrets } from '../map/secrets.ts'
import type { MapSubscription } from '../map/subscription.ts'
import type { CookieKeys } from '../tiers/session/contract.ts'

export class FollowedCookieKeys implements CookieKeys {
  readonly #home: Home
  readonly #unsubscribe: () => void
  #current: readonly string[]
  /** Of the file that they were read from; of the first ones it is not known. */
  #mark: string | undefined
  #looking: Promise<readonly string[]> | undefined
  /** The look after the one that is under way. */
  #next: Promise<readonly string[]> | undefined

  constructor(
    { home, map, log }: { home: Home; map: Pick<MapSubscription, 'current' | 'onChange'>; log: Pick<Logger, 'warn'> },
    first: readonly string[],
  ) {
    this.#home = home
    this.#current = first
    let known = map.current.cookieKeysVersion ?? 0
    this.#unsubscribe = map.onChange(({ cookieKeysVersion = 0 }) => {
      if (cookieKeysVersion <= known) return
      known = cookieKeysVersion
      // Until it can be read, the old keys sign and are good.
      this.refresh().catch((error: unknown) => log.warn({ err: error }, 'the new cookie keys could not be read'))
    })
  }

  get current(): readonly string[] {
    return this.#current
  }

  /**
   * Anybody can send cookies that are not ours, and so this costs little: one look at the file's date at a time, shared by
   * all who came before it began, and a read only when it is another file.
   */
  refresh(): Promise<readonly string[]> {
    if (!this.#looking) return this.#look()
    const again = () => this.#look()
    this.#next ??= this.#looking.then(again, again)
    return this.#next
  }

  async close(): Promise<void> {
    this.#unsubscribe()
    await this.#looking?.catch(() => {})
  }

  #look(): Promise<readonly string[]> {
    this.#next = undefined
    const looking = this.#readIfNew().finally(() => {
      if (this.#looking === looking) this.#looking = undefined
    })
    this.#looking = looking
    return looking
  }

  async #readIfNew(): Promise<readonly string[]> {
    const mark = await markOf(this.#home.secrets)
    if (mark === undefined || mark !== this.#mark) {
      this.#current = (await readSecrets(this.#home)).cookieKeys
      this.#mark = mark
    }
    return this.#current
  }
}

/** Each version is a file of its own, renamed over the last one. */
async function markOf(file: string): Promise<string | undefined> {
  const found = await stat(file, { bigint: true }).catch(() => undefined)
  return found && `${found.ino} ${found.mtimeNs} ${found.size}`
}
