// Sessions in the database, with a copy in the cache that processes share, so that a request costs the database nothing.
//
// The truth is the database's alone. A change is stored there first, then the copy is forgotten, and only then does the
// answer leave: the next request reads what was set, on whatever server. The copy lies in the shared cache and never in the
// memory of a process, since word of a change takes a moment, and a user's next request may be quicker.
//
// A copy is made under a lease (tiers/cache/shared/contract.ts), which every change of the session ends: a load that was
// slow is then not kept, and does not bring back a logout or an old field. It is read from the primary, since what a
// replica lacks would be kept for everybody.

import { type Clock, systemClock } from '../../../../base/clock.ts'
import type { Kept } from '../../../cache/contract.ts'
import type { Lease, SharedCacheEngine } from '../../../cache/shared/contract.ts'
import type { SessionEngine, SessionFields, StoredSession } from '../../contract.ts'

/** What could not be told of a change (README.md says when) is over after this. */
const copyMsMax = 60_000
/** A load that takes longer is not kept. Nobody waits for it meanwhile. */
const leaseMs = 2000

interface Copy {
  fields: SessionFields
  /** Wall clock, milliseconds since 1970. */
  endsAt: number
}

/**
 * `isReading`: whether sessions are read from the shared cache now. Copies are forgotten in any case, so that it may differ
 * between processes and change at any time. Closes neither of the two.
 */
export function openCachedSessions(
  database: SessionEngine,
  shared: Pick<SharedCacheEngine, 'get' | 'claim' | 'fill' | 'release' | 'delete'>,
  isReading: () => boolean,
  { clock = systemClock }: { clock?: Clock } = {},
): SessionEngine {
  async function loadOrCopy(id: string): Promise<StoredSession | undefined> {
    const key = keyOf(id)
    const copy = storedIn(await shared.get(key), clock.now())
    if (copy) return copy
    const claim = await shared.claim(key, { leaseMs })
    if (claim.outcome === 'lease') return loadUnder(claim.lease, id)
    const found = claim.outcome === 'found' ? storedIn(claim.kept, clock.now()) : undefined
    // Somebody else makes the copy, or the store cannot be asked: one row is read sooner than waited for. Of the first the
    // newest, since whoever asks after this one may be given that copy already.
    return found ?? database.load(id, { isNewest: claim.outcome === 'wait' })
  }

  async function loadUnder(lease: Lease, id: string): Promise<StoredSession | undefined> {
    const startedAt = clock.now()
    let isKept = false
    try {
      const stored = await database.load(id, { isNewest: true })
      const keepMs = Math.min(copyMsMax, stored?.idleLeftMs ?? 0)
      if (stored && keepMs > 0) isKept = await shared.fill(lease, keptOf(stored, startedAt, keepMs), keepMs)
      return stored
    } finally {
      if (!isKept) await shared.release(lease)
    }
  }

  /** Also when it failed: a write whose outcome is not known may have happened. */
  async function changing<T>(id: string, change: () => Promise<T>): Promise<T> {
    try {
      return await change()
    } finally {
      await shared.delete(keyOf(id))
    }
  }

  return {
    load: (id, options) => (options?.isNewest || !isReading() ? database.load(id, options) : loadOrCopy(id)),
    create: (id, fields, idleMs) => changing(id, () => database.create(id, fields, idleMs)),
    merge: (id, changes, idleMs) => changing(id, () => database.merge(id, changes, idleMs)),
    destroy: (id) => changing(id, () => database.destroy(id)),
    list: (userId) => database.list(userId),
    sweep: () => database.sweep(), // a copy ends with its session
  }
}

/** Apart from the keys of apps, which share the store; the name under which `tenfold cache` counts them. */
function keyOf(id: string): string {
  return `tenfold-session:${id}`
}

function keptOf({ fields, idleLeftMs }: StoredSession, startedAt: number, keepMs: number): Kept {
  const value: Copy = { fields, endsAt: startedAt + idleLeftMs }
  const freshUntil = startedAt + keepMs
  return { value, freshUntil, calmUntil: freshUntil, loadMs: 0, tags: [] }
}

/** Undefined for what is too old by our clock, and for what is no copy of ours. */
function storedIn(kept: Kept | undefined, now: number): StoredSession | undefined {
  const copy = kept?.value as Partial<Copy> | null | undefined
  if (!kept || now >= kept.freshUntil || typeof copy?.endsAt !== 'number' || !copy.fields) return undefined
  return { fields: copy.fields, idleLeftMs: copy.endsAt - now }
}
