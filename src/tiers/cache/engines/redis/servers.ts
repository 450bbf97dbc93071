// Which server a key is asked of, and told to: what single servers, Sentinels and a Redis Cluster have in common.

import type { Send } from './link.ts'
import type { Member } from './member.ts'
import { deleteMatching } from './scan.ts'
import type { Read } from './wire.ts'

/** Where a key lies now. */
export interface Place {
  readonly send: Send
  /** What stands under the name. */
  read(name: string): Promise<Read | undefined>
  /** Lies there in place of its own server, which is down or not fully back: to be kept for a short while only. */
  readonly isStray: boolean
  /** It is not known that the server has nothing old under these names: take them for missing. */
  isOwed(name: string): boolean
  /** Deletes, now or before the server is asked again. Never rejects. */
  forget(names: readonly string[]): Promise<void>
  /** A change of these was tried and may have happened, may happen yet, or not: forgets them soon. Never rejects. */
  owe(names: readonly string[]): Promise<void> | void
  /** Other servers that may have, or be asked for, an older copy. */
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

export function placeAt(
  member: Member,
  { other, isStray = false }: { other?: Member | undefined; isStray?: boolean } = {},
): Place {
  return {
    send: member.send,
    read: (name) => member.reads.get(name),
    isStray,
    isOwed: (name) => member.owed.has(name),
    forget: (names) => member.forget(names),
    owe: (names) => member.owe(names),
    other,
  }
}

/**
 * Of those that are asked, or of which something may be held: what is neither up nor heard has told so, and its keys are
 * missing or lie elsewhere.
 */
export function coherentUntilOf(members: Iterable<Member>): number {
  let until = Number.POSITIVE_INFINITY
  for (const member of members) if (member.isUp || member.isHeard) until = Math.min(until, member.coherentUntil)
  return until === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : until
}

export async function deleteStartingAt(
  members: Iterable<Member>,
  prefix: string,
  starts: readonly string[],
): Promise<void> {
  await Promise.all(
    [...members].map(async (member) => {
      try {
        await deleteMatching(member.send, prefix, starts)
      } catch {
        member.owed.addEverything()
        member.owe([])
      }
    }),
  )
}
