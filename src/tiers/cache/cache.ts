// The cache that apps hold: single flight, durations and channels, written once over any engine.
//
// Flight: a load under way for a key. Whoever asks for the key meanwhile gets the same flight. A set or a delete of
// the key takes the flight off the board: those who wait for it still get its value, but it is not remembered, since
// it may have read what was there before the change.

import { openChannel } from '../../base/channels.ts'
import { TenfoldError } from '../../base/errors.ts'
import type { Cache, CacheEngine, WrapOptions } from './contract.ts'
import { parseDuration } from './duration.ts'

const keyCharactersMax = 1024
const channel = openChannel('tenfold:cache')

export function openCache(engine: CacheEngine): Cache {
  const flights = new Map<string, Promise<unknown>>()

  async function load<T>(key: string, ttlMs: number, work: () => Promise<T>): Promise<T> {
    // Starts one turn later, so that the flight is on the board before `work` can set or delete its own key.
    const flight: Promise<T> = Promise.resolve()
      .then(work)
      .then(async (value) => {
        if (value !== undefined && flights.get(key) === flight) await engine.set(key, value, ttlMs)
        return value
      })
      .finally(() => {
        if (flights.get(key) === flight) flights.delete(key)
      })
    flights.set(key, flight)
    return flight
  }

  return {
    async wrap<T>(key: string, { ttl }: WrapOptions, work: () => Promise<T>): Promise<T> {
      check(key)
      const ttlMs = parseDuration(ttl)
      const answer = engine.get(key)
      const hit = answer instanceof Promise ? await answer : answer
      if (channel.hasSubscribers) channel.publish({ name: nameOf(key), outcome: hit === undefined ? 'miss' : 'hit' })
      if (hit !== undefined) return hit as T
      const flight = flights.get(key) as Promise<T> | undefined
      return flight ?? load(key, ttlMs, work)
    },
    async get<T>(key: string): Promise<T | undefined> {
      check(key)
      return (await engine.get(key)) as T | undefined
    },
    async set(key, value, { ttl }) {
      check(key)
      const ttlMs = parseDuration(ttl)
      flights.delete(key)
      if (value === undefined) await engine.delete(key)
      else await engine.set(key, value, ttlMs)
    },
    async delete(key) {
      check(key)
      flights.delete(key)
      await engine.delete(key)
    },
  }
}

function check(key: string): void {
  if (typeof key === 'string' && key.length > 0 && key.length <= keyCharactersMax) return
  const got = typeof key === 'string' ? `one of ${key.length}` : typeof key
  throw new TenfoldError('bad-input', `a cache key is a string of 1 to ${keyCharactersMax} characters, got ${got}`)
}

/** What hit ratios are counted by: the part before the first colon, `user` of `user:7`. */
function nameOf(key: string): string {
  const colon = key.indexOf(':')
  return colon === -1 ? key : key.slice(0, colon)
}
