// One load of a key for all processes: whoever gets the lease loads and holds on to it, the others look again until the
// value is there. If the loader's process dies, its lease ends with its time, and one of those who wait takes over.
//
// Never worse than without: whoever cannot ask the store, or has waited long enough, loads for himself.

import { type Clock, systemClock } from '../../../base/clock.ts'
import { type Random, systemRandom } from '../../../base/random.ts'
import type { Kept } from '../contract.ts'
import type { Lease, SharedCacheEngine } from './contract.ts'

/** How long a dead loader keeps the others waiting. One that lives holds on to its lease three times within it. */
export const leaseMs = 2000
const extendMs = leaseMs / 3
/** A load, or a store, that hangs must not keep everybody else from it for ever; what it brings after that is not kept. */
const holdMsMax = 60_000
/** First and longest pause between two looks; each is by chance up to twice the one before. */
const lookMsMin = 5
const lookMsMax = 50
/** After this one loads for himself: a loader that is alive and never ends must not hold everybody. */
const waitMsMaxDefault = 10_000

export interface LoadOnceOptions {
  tags?: readonly string[]
  /** Although there is a value, to renew it. Undefined is answered when somebody else does so already. */
  isRefresh?: boolean
  waitMsMax?: number
  clock?: Clock
  random?: Random
}

export interface Loaded {
  kept: Kept
  /** 0 or less: not to be kept. */
  keepMs: number
}

/** @throws what `load` throws, when this process was the one that loaded. */
export async function loadOnce(
  engine: SharedCacheEngine,
  key: string,
  load: () => Promise<Loaded>,
  options: LoadOnceOptions = {},
): Promise<Kept | undefined> {
  const { tags = [], isRefresh = false, waitMsMax = waitMsMaxDefault } = options
  const { clock = systemClock, random = systemRandom } = options
  const deadline = clock.monotonic() + waitMsMax
  let lookMs = lookMsMin
  let isOld = isRefresh
  for (;;) {
    const claim = await engine.claim(key, { leaseMs, tags, isRefresh: isOld })
    if (claim.outcome === 'found' && clock.now() < claim.kept.freshUntil) return claim.kept
    // What is there is stale: the lease is asked for all the same.
    isOld = claim.outcome === 'found'
    if (isOld) continue
    if (claim.outcome === 'lease') return loadUnder(engine, claim.lease, load, clock)
    if (claim.outcome === 'wait' && isRefresh) return undefined
    if (claim.outcome === 'alone' || clock.monotonic() >= deadline) return (await load()).kept
    await clock.sleep(lookMs * (0.5 + random.next() / 2))
    lookMs = Math.min(lookMsMax, lookMs * 2)
  }
}

async function loadUnder(
  engine: SharedCacheEngine,
  lease: Lease,
  load: () => Promise<Loaded>,
  clock: Clock,
): Promise<Kept> {
  const loading = new AbortController()
  const holding = holdOn(engine, lease, clock, loading.signal)
  try {
    const { kept, keepMs } = await load()
    if (keepMs > 0) {
      // What could not be kept (no room, no answer in time) must not hold the others up.
      if (!(await engine.fill(lease, kept, keepMs))) await engine.release(lease)
    } else await engine.delete(lease.key) // there is nothing (any more), and the lease ends with it
    return kept
  } catch (error) {
    await engine.release(lease)
    throw error
  } finally {
    loading.abort()
    await holding
  }
}

/**
 * Until `signal`, or until the lease is lost: a change of the key has ended it. No answer looks the same as that, so that it is
 * asked for again for as long as the lease would last.
 */
export async function holdOn(
  engine: SharedCacheEngine,
  lease: Lease,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const endMs = clock.monotonic() + holdMsMax
  let heldUntilMs = clock.monotonic() + leaseMs
  while (clock.monotonic() < endMs) {
    await clock.sleep(extendMs, signal)
    if (signal.aborted) return
    const askedAtMs = clock.monotonic()
    if (await engine.extend(lease, leaseMs)) heldUntilMs = askedAtMs + leaseMs
    else if (askedAtMs >= heldUntilMs) return
  }
}
