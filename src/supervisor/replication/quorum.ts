// Quorum durability, as arithmetic. A commit is acknowledged when k of N replicas have it on disk; so of any N - k + 1 of
// them at least one has every acknowledged write (R + k > N, the read and write quorums of Gifford, "Weighted voting for
// replicated data", 1979). Worked example: 2 replicas, k = 1: both must be heard before one of them is promoted.

import type { Durability, Quorum } from '../../map/map.ts'

/**
 * k is so large that primary and k replicas are a majority of all. With no member left, commits wait for whoever comes
 * back first: a primary alone never acknowledges what only it has.
 * @param members replicas that stream; @param all replicas that the shard has.
 */
export function quorumOf(
  durability: Durability,
  members: readonly string[],
  all: readonly string[],
): Quorum | undefined {
  if (durability !== 'quorum') return undefined
  const names = (members.length > 0 ? members : all).toSorted()
  return names.length === 0 ? undefined : { count: Math.floor((names.length + 1) / 2), names }
}

/** How many of its replicas must be heard so that one of them surely has every acknowledged write. */
export function heardMin({ count, names }: Quorum): number {
  return names.length - count + 1
}

export function isSameQuorum(a: Quorum | undefined, b: Quorum | undefined): boolean {
  return a?.count === b?.count && a?.names.join() === b?.names.join()
}
