// Which server a key is asked of, and told to: what single servers, Sentinels and a Redis Cluster have in common.

import type { Change } from '../../shared/contract.ts'
import type { KeyNames } from './keys.ts'
import type { Send } from './link.ts'
import type { RedisCacheLimits } from './options.ts'

/** Where a key lies now. */
export interface Place {
  readonly send: Send
  /** Lies there in place of its own server, which is down or not fully back: to be kept for a short while only. */
  readonly isStray: boolean
  /** It is not known that the server has nothing old under these names: take them for missing. */
  isOwed(name: string): boolean
  /** Deletes, now or before the server is asked again. Never rejects. */
  forget(names: readonly string[]): Promise<void>
  /** A change of these was tried and may have happened, may happen yet, or not: forgets them soon. */
  owe(names: readonly string[]): void
  /** Another server that may have, or be asked for, an older copy. */
  readonly other: Pick<Place, 'forget'> | undefined
}

export interface Servers {
  /** Never undefined: with no server up, every call to the place is refused at once. */
  place(key: string): Place
  /** Deletes everything of which the name begins so, everywhere, now or before a server is asked again. */
  deleteStarting(starts: readonly string[]): Promise<void>
  /** See SharedCacheEngine: of all servers that are asked. */
  readonly coherentUntil: number
  close(): Promise<void>
}

export interface ServersOptions {
  username: string
  password: string
  names: KeyNames
  limits: RedisCacheLimits
  /** Word of changes at any of them. */
  tell(change: Change): void
}
