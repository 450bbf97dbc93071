// When processes do not agree on who is down: a network that cuts off one of them alone. What it changes meanwhile is gone for
// the others too, and what it put elsewhere is gone when they change it.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { waitUntil } from '../../../src/base/limits.ts'
import type { RedisSharedCache } from '../../../src/tiers/cache/engines/redis/open.ts'
import { keptOf, openAt, patient, startServers } from '../../../src/tiers/cache/engines/redis/testing.ts'
import { ServerProxy, userNameOf } from './proxy.ts'

const minuteMs = 60_000
const waitMs = 20_000
const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`)

interface Parts {
  one: RedisSharedCache
  two: RedisSharedCache
  /** The first server is lost to this one, or can be reached again. */
  set(which: 1 | 2, mode: 'cut' | 'open'): void
}

async function withTwo(work: (parts: Parts) => Promise<void>): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const servers = stack.use(await startServers(3))
  const proxies: ServerProxy[] = []
  for (const [i, server] of servers.entries()) proxies.push(stack.use(await ServerProxy.open(server.port, i)))
  const at = { kind: 'nodes' as const, nodes: proxies.map(({ port }) => ({ address: '127.0.0.1', port })) }
  const limits = { ...patient, strayMsMax: minuteMs, returnMs: 100 }
  const open = (which: 1 | 2) => openAt(at, servers[0]?.secrets.app ?? '', { username: userNameOf(which), limits })
  await work({
    one: stack.use(await open(1)),
    two: stack.use(await open(2)),
    set(which, mode) {
      for (const lane of ['data', 'word'] as const) proxies[0]?.set(userNameOf(which), lane, { mode })
    },
  })
}

const found = async (cache: RedisSharedCache, value: unknown) =>
  (await cache.getMany(keys)).filter((kept) => kept?.value === value).length

async function fill(cache: RedisSharedCache, value: unknown): Promise<void> {
  await Promise.all(keys.map((key) => cache.set(key, keptOf(value), minuteMs)))
}

/** `two` has lost the first server, and puts its keys elsewhere. */
async function cutOff({ set, two }: Parts): Promise<void> {
  set(2, 'cut')
  const isLost = async () => (await found(two, 'before')) < keys.length
  await waitUntil(isLost, { what: 'the loss', timeoutMs: waitMs })
}

describe('processes that do not agree on who is down', () => {
  it('what one that is cut off from a server changes is soon gone there for the others, told by way of other servers', () =>
    withTwo(async (parts) => {
      const { one, two } = parts
      await fill(one, 'before')
      await cutOff(parts)
      await Promise.all(keys.map((key, i) => (i % 2 ? two.delete(key) : two.set(key, keptOf('after'), minuteMs))))
      const isGone = async () => (await found(one, 'before')) === 0
      await waitUntil(isGone, { what: 'the end of old values', timeoutMs: waitMs })
    }))

  it('the debt outlives the process that made it', () =>
    withTwo(async (parts) => {
      const { one, two, set } = parts
      await fill(one, 'before')
      await cutOff(parts)
      set(1, 'cut') // nobody reaches it
      const isLost = async () => (await found(one, 'before')) < keys.length
      await waitUntil(isLost, { what: 'the loss', timeoutMs: waitMs })
      await Promise.all(keys.map((key) => two.delete(key)))
      await two.close()
      set(1, 'open')
      const isBack = async () => {
        await fill(one, 'after')
        return (await found(one, 'after')) === keys.length
      }
      assert.equal(await found(one, 'before'), 0)
      await waitUntil(isBack, { what: 'the way back', timeoutMs: waitMs })
    }))

  it('what one that is cut off keeps elsewhere is gone when another one changes it, whether the server was ever down or not', () =>
    withTwo(async (parts) => {
      const { one, two } = parts
      await fill(one, 'before')
      await cutOff(parts)
      await fill(two, 'astray')
      await waitUntil(async () => (await found(two, 'astray')) === keys.length, { what: 'strays', timeoutMs: waitMs })
      // Word of them comes in a moment; a change before it is bounded by `strayMsMax`.
      const isGone = async () => {
        await Promise.all(keys.map((key) => one.delete(key)))
        return (await found(two, 'astray')) === 0
      }
      await waitUntil(isGone, { what: 'the end of strays', timeoutMs: waitMs })
    }))
})
