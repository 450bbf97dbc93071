// Cookie keys over time: a new one signs from now on, and an old one verifies for as long as a cookie that it signed can live.

import { randomBytes } from 'node:crypto'
import { TenfoldError } from '../base/errors.ts'
import type { Home } from './home.ts'
import { readSecrets, type Secrets, writeSecrets } from './secrets.ts'

/** Each is tried on a cookie that is not ours. */
const keysMax = 16

export interface RotatedKeys {
  /** How many verify now, the new one too. */
  keys: number
  /** How many old ones were dropped: whatever they signed has been renewed or has ended. */
  dropped: number
}

export interface RotateOptions {
  /** How long a cookie lives that is not used: the longest idle time that sessions have. */
  idleMs: number
  /** Milliseconds since 1970. */
  now: number
  /** Somebody else may have them: none of the old ones verifies any more, and everybody has to log in anew. */
  dropsOld?: boolean
}

/**
 * Puts a new key first. Nothing else may write the secrets meanwhile. Processes that were not told find it when they meet a
 * cookie that it signed. @throws conflict when none of the old ones may go yet and there are `keysMax`.
 */
export async function rotateCookieKey(home: Home, options: RotateOptions): Promise<RotatedKeys> {
  const secrets = await readSecrets(home)
  const { cookieKeys, cookieKeysMadeAt } = rotated(secrets, options)
  await writeSecrets(home, { ...secrets, cookieKeys, cookieKeysMadeAt })
  return { keys: cookieKeys.length, dropped: secrets.cookieKeys.length + 1 - cookieKeys.length }
}

function rotated(
  { cookieKeys, cookieKeysMadeAt = [] }: Secrets,
  { idleMs, now, dropsOld = false }: RotateOptions,
): Required<Pick<Secrets, 'cookieKeys' | 'cookieKeysMadeAt'>> {
  // A key has signed until the one before it in the list was made; the first one until now. Where that is not known, it
  // did not sign for longer than the one that came after it.
  const signedUntil = (place: number): number => {
    if (place === 0) return now
    const madeAt = Date.parse(cookieKeysMadeAt[place - 1] ?? '')
    return Number.isNaN(madeAt) ? signedUntil(place - 1) : madeAt
  }
  const canGo = (place: number) => dropsOld || signedUntil(place) + idleMs < now
  const kept = cookieKeys.map((key, place) => ({ key, madeAt: cookieKeysMadeAt[place] ?? '', place }))
  const left = kept.filter(({ place }) => !canGo(place))
  if (left.length >= keysMax)
    throw new TenfoldError(
      'conflict',
      `${left.length} cookie keys verify, and cookies that the oldest signed may still live; rotate more rarely than every ${Math.ceil(idleMs / keysMax / 3_600_000)} hours`,
    )
  return {
    cookieKeys: [randomBytes(24).toString('base64url'), ...left.map(({ key }) => key)],
    cookieKeysMadeAt: [new Date(now).toISOString(), ...left.map(({ madeAt }) => madeAt)],
  }
}
