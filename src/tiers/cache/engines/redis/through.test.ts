// Write-through from several processes: the truth and the cache are two places, which writers may reach in different orders.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { seededRandom } from '../../../../base/random.ts'
import { openCache } from '../../cache.ts'
import { TwoLevels } from '../../shared/two-levels.ts'
import { openMemoryCache } from '../memory/engine.ts'
import { openOver, startServers } from './testing.ts'

it('ends with what was stored last, or with nothing, whichever writer comes to the cache first', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = seededRandom(seed)
  await using servers = await startServers(1)
  const truth = new Map<string, number>()
  const pause = () => new Promise((resolve) => setTimeout(resolve, random.int(4)))
  const engines = await Promise.all(
    [1, 2, 3].map(async () => new TwoLevels(openMemoryCache({ bytesMax: 1_000_000 }), await openOver(servers))),
  )
  try {
    const processes = engines.map((engine) =>
      openCache(engine).through<number>({
        name: 'n',
        ttl: '1m',
        load: async (key) => truth.get(key),
        async store(key, value) {
          await pause()
          truth.set(key, value as number)
          await pause() // the answer is on its way while another one stores
        },
      }),
    )
    for (let round = 0; round < 40; round++) {
      const key = `key ${round}`
      await Promise.all(
        processes.flatMap((things, i) => [things.set(key, i), things.get(key), things.set(key, 10 + i)]),
      )
      for (const things of processes)
        assert.equal(await things.get(key), truth.get(key), `round ${round} of seed ${seed}`)
    }
  } finally {
    for (const engine of engines) await engine.close()
  }
})

it('a store that takes longer than a lease keeps others from filling in what was there before, and its value is kept', async () => {
  await using servers = await startServers(1)
  const truth = new Map([['key', 'old']])
  const open = async (store: () => Promise<void>) => {
    const engine = new TwoLevels(openMemoryCache({ bytesMax: 1_000_000 }), await openOver(servers))
    const options = { name: 'slow', ttl: '1m', load: async (key: string) => truth.get(key), store } as const
    return { engine, things: openCache(engine).through<string>(options) }
  }
  const begun = Promise.withResolvers<void>()
  const writer = await open(async () => {
    begun.resolve()
    await new Promise((resolve) => setTimeout(resolve, 2600))
    truth.set('key', 'new')
  })
  const reader = await open(async () => {})
  try {
    const setting = writer.things.set('key', 'new')
    await begun.promise
    const reading = reader.things.get('key')
    await setting
    assert.equal(await reading, 'new', 'it waited for what was being stored')
    assert.equal((await reader.engine.get('slow:key'))?.value, 'new')
  } finally {
    await writer.engine.close()
    await reader.engine.close()
  }
})
