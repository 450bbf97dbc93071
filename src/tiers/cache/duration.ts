// Times to live as people write them: `250` (milliseconds), '30s', '5m', '2h', '1d'.

import { TenfoldError } from '../../base/errors.ts'
import type { Duration } from './contract.ts'

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Node's timers, and so every engine's expiry, end at 2^31-1 ms. */
export const ttlMsMax = 2 ** 31 - 1

/** @throws bad-input with what was got and what would hold. */
export function parseDuration(duration: Duration, name = 'ttl'): number {
  const ms = typeof duration === 'number' ? duration : parseText(duration)
  if (Number.isFinite(ms) && ms > 0) return Math.min(ms, ttlMsMax)
  const shown = JSON.stringify(duration) ?? String(duration)
  throw new TenfoldError(
    'bad-input',
    `${name} ${shown} is not a duration: give milliseconds above 0, or '30s', '5m', '2h'`,
  )
}

function parseText(text: unknown): number {
  const match = typeof text === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) : null
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : Number.NaN
}
