// Real servers killed, paused and brought back under calls: no call fails or waits, a dead server costs its share, and what
// it had before does not come back with it.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import { startTestRedis } from '../../../../programs/redis/testing.ts'
import type { SharedCacheEngine } from '../../shared/contract.ts'
import { keptOf, openOver, patient, startServers } from './testing.ts'

const minuteMs = 60_000
const waitMs = 10_000
const keyCount = 300
const keys = Array.from({ length: keyCount }, (_, i) => `key:${i}`)

async function fill(cache: SharedCacheEngine, value: unknown): Promise<void> {
  await Promise.all(keys.map((key) => cache.set(key, keptOf(value), minuteMs)))
}

async function count(cache: SharedCacheEngine, value: unknown): Promise<number> {
  const found = await cache.getMany(keys)
  return found.filter((kept) => kept?.value === value).length
}

/** Where a call may be a miss because the machine is slow. */
async function untilAllAre(cache: SharedCacheEngine, value: unknown): Promise<void> {
  const areAll = async () => {
    await fill(cache, value)
    return (await count(cache, value)) === keyCount
  }
  await waitUntil(areAll, { what: `${value} everywhere`, timeoutMs: waitMs })
}

/** The longest of many calls, one after the other. */
async function slowestMs(cache: SharedCacheEngine): Promise<number> {
  let slowest = 0
  for (const key of keys.slice(0, 100)) {
    const startedMs = performance.now()
    await cache.get(key)
    await cache.set(key, keptOf('again'), minuteMs)
    slowest = Math.max(slowest, performance.now() - startedMs)
  }
  return slowest
}

describe('the redis engine under faults', () => {
  it('kill -9 of one node of three costs its share only, which lies elsewhere at once, and comes home empty', async (t) => {
    await using servers = await startServers(3)
    await using cache = await openOver(servers, { limits: { ...patient, returnMs: 300 } })
    await fill(cache, 'before')
    assert.equal(await count(cache, 'before'), keyCount)
    await servers[0]?.kill()
    const isShare = (left: number) => left > keyCount * 0.5 && left < keyCount * 0.8
    await waitUntil(async () => isShare(await count(cache, 'before')), {
      what: 'the loss of a share',
      timeoutMs: waitMs,
    })
    t.diagnostic(`a set and a get took ${(await slowestMs(cache)).toFixed(0)} ms at most`)
    await fill(cache, 'meanwhile')
    assert.equal(await count(cache, 'meanwhile'), keyCount)
    await servers[0]?.start()
    // While it comes back, keys are at home or where they were, but never of an earlier time.
    const until = performance.now() + 1500
    while (performance.now() < until) assert.equal(await count(cache, 'before'), 0)
    await fill(cache, 'after')
    assert.equal(await count(cache, 'after'), keyCount)
  })

  it('a node that hangs is a miss within tens of milliseconds, its share is kept elsewhere, and nothing old comes back', async (t) => {
    await using servers = await startServers(3)
    await using cache = await openOver(servers, { limits: { returnMs: 300, strayMsMax: 1000 } })
    await fill(cache, 'before')
    servers[1]?.signal('SIGSTOP')
    const startedMs = performance.now()
    await cache.getMany(keys)
    const tookMs = performance.now() - startedMs
    t.diagnostic(`the first of them took ${tookMs.toFixed(0)} ms`)
    t.diagnostic(`a set and a get took ${(await slowestMs(cache)).toFixed(0)} ms at most`)
    await untilAllAre(cache, 'meanwhile')
    servers[1]?.signal('SIGCONT')
    const until = performance.now() + 2500
    while (performance.now() < until) assert.equal(await count(cache, 'before'), 0, 'came back')
    await untilAllAre(cache, 'after')
  })

  it('what was deleted while its node hung is deleted when it is back, by key, tag and prefix', async () => {
    await using servers = await startServers(1)
    await using cache = await openOver(servers, { limits: {} })
    await cache.set('a', keptOf('old'), minuteMs)
    await cache.set('b', keptOf('old', ['tag']), minuteMs)
    await cache.set('c:1', keptOf('old'), minuteMs)
    await cache.set('d', keptOf('kept', ['another']), minuteMs)
    servers[0]?.signal('SIGSTOP')
    await cache.delete('a')
    await cache.deleteTag('tag')
    await cache.deletePrefix('c:')
    servers[0]?.signal('SIGCONT')
    await waitUntil(() => cache.set('e', keptOf('new'), minuteMs).then(() => cache.get('e')), {
      what: 'the way back',
      timeoutMs: waitMs,
    })
    for (const key of ['a', 'b', 'c:1']) assert.equal(await cache.get(key), undefined, key)
  })

  it('with no server at all every call answers as if there were nothing, and at once', async (t) => {
    await using servers = await startServers(1)
    await using cache = await openOver(servers, { limits: {} })
    await servers[0]?.kill()
    await waitUntil(async () => (await cache.claim('key', { leaseMs: 5000 })).outcome === 'alone', {
      what: 'the loss',
      timeoutMs: waitMs,
    })
    const startedMs = performance.now()
    for (let i = 0; i < 1000; i++) {
      await cache.set(`key:${i}`, keptOf(i, ['tag']), minuteMs)
      assert.equal(await cache.get(`key:${i}`), undefined)
    }
    await cache.deletePrefix('key:')
    await cache.deleteTag('tag')
    const eachMs = (performance.now() - startedMs) / 1000
    t.diagnostic(`each took ${eachMs.toFixed(2)} ms`)
    await assert.rejects(cache.locks.acquire('lock', { holdMs: 1000 }), { code: 'unavailable' })
    await assert.rejects(cache.rateLimiter.take('name', { limit: 1, windowMs: 1000 }), { code: 'unavailable' })
    // The connection with word of changes ends by itself, a turn of the event loop later.
    await waitUntil(() => cache.coherentUntil < performance.now(), { what: 'the loss of word', timeoutMs: waitMs })
    await servers[0]?.start()
    await waitUntil(() => cache.set('key', keptOf(1), minuteMs).then(() => cache.get('key')), {
      what: 'the way back',
      timeoutMs: waitMs,
    })
  })

  it('more calls than its bound are misses at once, and memory that is full evicts', async () => {
    await using servers = await startServers(1)
    await using cache = await openOver(servers, { limits: { ...patient, callsMax: 100, callMsMax: 60_000 } })
    const large = 'x'.repeat(100_000)
    for (let i = 0; i < 1000; i++) await cache.set(`large:${i}`, keptOf(large), minuteMs)
    assert.equal((await cache.get('large:999'))?.value, large)
    let left = 0
    for (let i = 0; i < 1000; i++) if (await cache.get(`large:${i}`)) left++
    assert.ok(left > 0 && left < 1000, `${left} of 1000 are left of 100 MB in 64 MB`)
    servers[0]?.signal('SIGSTOP')
    const found = { atOnce: 0, later: 0, missed: 0 }
    let isStopped = true
    const calls = Array.from({ length: 1000 }, async () => {
      const kept = await cache.get('large:999')
      found[!kept ? 'missed' : isStopped ? 'atOnce' : 'later']++
    })
    await waitUntil(() => found.missed > 0, { what: 'those above the bound', timeoutMs: waitMs })
    isStopped = false
    servers[0]?.signal('SIGCONT')
    await Promise.all(calls)
    assert.deepEqual(found, { atOnce: 0, later: 100, missed: 900 })
  })

  it('a server that is full and does not evict keeps nothing more, nothing old either, and says no error', async () => {
    await using server = await startTestRedis({ memory: { bytesMax: 4 * 1024 * 1024, whenFull: 'noeviction' } })
    await using cache = await openOver([server])
    await cache.set('key', keptOf('old'), minuteMs)
    for (let i = 0; i < 60; i++) await cache.set(`large:${i}`, keptOf('x'.repeat(100_000)), minuteMs)
    assert.ok((await cache.get('large:59')) === undefined, 'it is full')
    await cache.set('key', keptOf('new'), minuteMs)
    assert.notEqual((await cache.get('key'))?.value, 'old')
    await cache.deletePrefix('large:')
    await waitUntil(() => cache.set('key', keptOf('newer'), minuteMs).then(() => cache.get('key')), {
      what: 'room',
      timeoutMs: waitMs,
    })
  })

  it('word that is lost is known within the stated time, and told as such', async (t) => {
    for (const fault of ['SIGKILL', 'SIGSTOP'] as const) {
      await using servers = await startServers(1)
      await using cache = await openOver(servers, { limits: {} })
      assert.ok(cache.coherentUntil > performance.now())
      let told = 0
      cache.watch((change) => {
        if (change.kind === 'all') told++
      })
      const startedMs = performance.now()
      servers[0]?.signal(fault)
      await waitUntil(() => told > 0 && cache.coherentUntil < performance.now(), { what: 'the gap', timeoutMs: waitMs })
      const tookMs = performance.now() - startedMs
      t.diagnostic(`${fault}: known after ${tookMs.toFixed(0)} ms, stated ${cache.stalenessMsMax}`)
      if (fault === 'SIGSTOP') servers[0]?.signal('SIGCONT')
      else await servers[0]?.start()
      await waitUntil(() => cache.coherentUntil > performance.now(), { what: 'word again', timeoutMs: waitMs })
      assert.ok(told > 1, 'what changed meanwhile is not known')
    }
  })
})
