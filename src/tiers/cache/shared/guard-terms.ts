// What locks and rate limits are asked for, checked alike by every engine.

import { TenfoldError } from '../../../base/errors.ts'

/** A window is counted in so many parts: memory does not grow with the limit, and room comes back a part late at most. */
export const windowParts = 10
const nameCharactersMax = 512
const msMax = 24 * 3600 * 1000

/** @throws bad-input */
export function checkHold(name: string, holdMs: number): void {
  checkName(name)
  if (holdMs >= 1 && holdMs <= msMax) return
  throw new TenfoldError('bad-input', `a lock is held for 1 to ${msMax} ms, not for ${holdMs}`)
}

/** @throws bad-input */
export function checkLimit(name: string, limit: number, windowMs: number, cost: number): void {
  checkName(name)
  if (!Number.isSafeInteger(limit) || limit < 1 || !Number.isSafeInteger(cost) || cost < 1)
    throw new TenfoldError('bad-input', `limit (${limit}) and cost (${cost}) are whole numbers above 0`)
  if (!(windowMs >= windowParts && windowMs <= msMax))
    throw new TenfoldError('bad-input', `a window is ${windowParts} to ${msMax} ms long, not ${windowMs}`)
}

/** PostgreSQL has no text with \0 or half a surrogate pair, and no key of an index longer than a third of a page. */
function checkName(name: string): void {
  const isText = typeof name === 'string' && name.isWellFormed() && !name.includes('\0')
  if (isText && name.length > 0 && name.length <= nameCharactersMax) return
  const got = typeof name === 'string' ? JSON.stringify(name.slice(0, 50)) : typeof name
  throw new TenfoldError('bad-input', `a name is text of 1 to ${nameCharactersMax} characters without \\0, got ${got}`)
}
