// Options as they are reckoned with: defaults filled in, kinds looked up, durations in milliseconds, everything checked.

import { TenfoldError } from '../../base/errors.ts'
import type { KeepOptions, WrapOptions } from './contract.ts'
import { parseDuration } from './duration.ts'
import { kinds } from './kinds.ts'

const tagsMax = 16
const tagCharactersMax = 256
/** Up to a tenth sooner, unless told otherwise: what was put together ends spread out, and nothing lives longer than asked. */
const jitterDefault = 0.1
/** Longer than any request is allowed to take: the end of a wait for a load that hangs, not a target. */
const hardTimeoutDefaultMs = 30_000

export interface Terms {
  ttlMs: number
  jitter: number
  tags: readonly string[]
  negativeTtlMs: number
  staleForMs: number
  staleOnErrorMs: number
  softTimeoutMs: number | undefined
  hardTimeoutMs: number
  earlyRefresh: number
}

const noTags: readonly string[] = []

/** @throws bad-input with the option and what would hold. */
export function termsOf(options: WrapOptions | KeepOptions, defaults: WrapOptions): Terms {
  const kind = options.kind ?? defaults.kind
  if (kind !== undefined && !Object.hasOwn(kinds, kind)) {
    const known = Object.keys(kinds).join(', ')
    throw new TenfoldError('bad-input', `kind ${JSON.stringify(kind)} is none of ${known}`)
  }
  // A kind named at the call is nearer than times named in the namespace.
  const own: WrapOptions = options.kind
    ? { ...defaults, ...kinds[options.kind], ...options }
    : { ...(kind && kinds[kind]), ...defaults, ...options }
  return {
    ttlMs: parseDuration(own.ttl as number),
    jitter: share(own.jitter ?? jitterDefault),
    tags: checkedTags(bothTags(defaults.tags, options.tags)),
    negativeTtlMs: optional('negativeTtl', own.negativeTtl) ?? 0,
    staleForMs: optional('staleFor', own.staleFor) ?? 0,
    staleOnErrorMs: optional('staleOnError', own.staleOnError) ?? 0,
    softTimeoutMs: optional('softTimeout', own.softTimeout),
    hardTimeoutMs: optional('hardTimeout', own.hardTimeout) ?? hardTimeoutDefaultMs,
    earlyRefresh: eagerness(own.earlyRefresh ?? 0),
  }
}

function optional(name: string, duration: WrapOptions['ttl']): number | undefined {
  if (duration === undefined || duration === 0) return undefined
  return parseDuration(duration, name)
}

function share(jitter: number): number {
  if (jitter >= 0 && jitter <= 1) return jitter
  throw new TenfoldError('bad-input', `jitter ${jitter} is not a share of the ttl: give 0 to 1`)
}

function eagerness(value: number): number {
  if (value >= 0 && value <= 100) return value
  throw new TenfoldError('bad-input', `earlyRefresh ${value} is no eagerness: give 0 to 100, 1 is the best known value`)
}

/** A namespace's tags stand on all of its values, whatever else does: who deletes by one of them means all. */
export function bothTags(
  outer: readonly string[] | undefined,
  inner: readonly string[] | undefined,
): readonly string[] {
  if (!outer || !inner) return outer ?? inner ?? noTags
  return [...new Set([...outer, ...inner])]
}

function checkedTags(tags: readonly string[]): readonly string[] {
  if (tags.length > tagsMax)
    throw new TenfoldError('bad-input', `a value has at most ${tagsMax} tags, got ${tags.length}`)
  for (const tag of tags) checkTag(tag)
  return tags
}

export function checkTag(tag: string): void {
  if (typeof tag === 'string' && tag.length > 0 && tag.length <= tagCharactersMax) return
  throw new TenfoldError('bad-input', `a tag is a string of 1 to ${tagCharactersMax} characters`)
}
