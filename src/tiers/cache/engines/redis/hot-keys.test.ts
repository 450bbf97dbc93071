// A key that everybody asks for, and whose node goes: it is asked for near the processes, and they do not all ask the origin.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import type { TestRedis } from '../../../../programs/redis/testing.ts'
import { openCache } from '../../cache.ts'
import { TwoLevels } from '../../shared/two-levels.ts'
import { openMemoryCache } from '../memory/engine.ts'
import { openOver, startServers } from './testing.ts'

const waitMs = 20_000

it('a hot key whose node is killed is held near again while the node is dead, and hardly loaded', async () => {
  await using servers = await startServers(3)
  const near = openMemoryCache({ bytesMax: 1_000_000 })
  const engine = new TwoLevels(near, await openOver(servers))
  const cache = openCache(engine)
  let loads = 0
  const load = async () => {
    loads++
    await new Promise((resolve) => setTimeout(resolve, 5))
    return 'value'
  }
  const ask = (key: string) => cache.wrap(key, { ttl: '1m' }, load)
  /** Asks as a crowd does, until all of it is answered near. */
  const untilNear = (keys: readonly string[]) =>
    waitUntil(
      async () => {
        for (const key of keys) assert.equal(await ask(key), 'value')
        return keys.every((key) => cache.peek(key) === 'value')
      },
      { what: 'the keys near', timeoutMs: waitMs, intervalMs: 1 },
    )
  try {
    const keys = Array.from({ length: 40 }, (_, i) => `hot:${i}`) // some on each node, by any chance
    await untilNear(keys)
    assert.equal(loads, keys.length)
    await (servers[0] as TestRedis).kill()
    // Until nothing can be known of the dead node what is held near is used; then it is asked for anew, and held again.
    await waitUntil(
      async () => {
        await untilNear(keys)
        return loads > keys.length
      },
      { what: 'the loss', timeoutMs: waitMs, intervalMs: 1 },
    )
    await untilNear(keys)
    assert.ok(loads <= 3 * keys.length, `${loads} loads of ${keys.length} keys`)
    const { hotKeys } = near.insight()
    assert.ok(hotKeys.length > 0 && hotKeys.every(({ key }) => keys.includes(key)))
  } finally {
    await engine.close()
  }
})
