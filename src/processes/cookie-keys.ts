// The keys that sign cookies, as a process has them: read at its start, and again when the map says that there are others, or
// when a cookie comes that none of them has signed.
//
// So a rotation needs no order among processes. The file has the new key before anybody signs with it; whoever signs with
// it early, and whoever hears of it late (it stood still, it starts just now), both find it there.

import { stat } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { Home } from '../map/home.ts'
import { readSecrets, type Secrets } from '../map/secrets.ts'
import type { MapSubscription } from '../map/subscription.ts'
import type { CookieKeys } from '../tiers/session/contract.ts'

/** Until then, the old keys sign and are good. */
const retryMs = 1000

export interface CookieKeysContext {
  home: Home
  map: Pick<MapSubscription, 'current' | 'onChange'>
  secrets: Pick<Secrets, 'cookieKeys'>
  log: Pick<Logger, 'warn'>
}

export class FollowedCookieKeys implements CookieKeys {
  readonly #home: Home
  readonly #log: CookieKeysContext['log']
  readonly #unsubscribe: () => void
  #retry: NodeJS.Timeout | undefined
  #isClosed = false
  #current: readonly string[]
  /** Of the file that they were read from. */
  #mark: string | undefined
  #looking: Promise<readonly string[]> | undefined
  /** The look after the one that is under way. */
  #next: Promise<readonly string[]> | undefined

  /** `secrets` may be older than the map: they are read again once its changes are followed. */
  static async open(context: CookieKeysContext): Promise<FollowedCookieKeys> {
    const keys = new FollowedCookieKeys(context)
    try {
      await keys.refresh()
      return keys
    } catch (error) {
      await keys.close()
      throw error
    }
  }

  private constructor({ home, map, secrets, log }: CookieKeysContext) {
    this.#home = home
    this.#log = log
    this.#current = secrets.cookieKeys
    let known = map.current.cookieKeysVersion ?? 0
    this.#unsubscribe = map.onChange(({ cookieKeysVersion = 0 }) => {
      if (cookieKeysVersion <= known) return
      known = cookieKeysVersion
      this.#readUntilRead()
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
    this.#isClosed = true
    this.#unsubscribe()
    clearTimeout(this.#retry)
    await this.#looking?.catch(() => {})
  }

  /** A key that somebody else has must not stay good here because a file could not be opened once. */
  #readUntilRead(): void {
    clearTimeout(this.#retry)
    this.refresh().catch((error: unknown) => {
      if (this.#isClosed) return
      this.#log.warn({ err: error }, 'the new cookie keys could not be read; trying again')
      this.#retry = setTimeout(() => this.#readUntilRead(), retryMs)
      this.#retry.unref()
    })
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
