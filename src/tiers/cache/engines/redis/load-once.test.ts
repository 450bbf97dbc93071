// One load for many processes, real ones: all misses at once, and the loader killed in the middle.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../../../../base/limits.ts'
import type { TestRedis } from '../../../../programs/redis/testing.ts'
import { loadOnce } from '../../shared/load-once.ts'
import { keptOf, openOver, startServers } from './testing.ts'

const loaderPath = fileURLToPath(new URL('testing/loader.ts', import.meta.url))
const waitMs = 20_000

interface Loader {
  child: ChildProcess
  lines: string[]
}

function startLoader([server]: readonly TestRedis[], environment: Record<string, string>): Loader {
  const env = { ...process.env, PORTS: String(server?.port), PASSWORD: server?.secrets.app ?? '', ...environment }
  const child = spawn(process.execPath, ['-C', 'source', loaderPath], { stdio: ['pipe', 'pipe', 'inherit'], env })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  return { child, lines }
}

async function go(loaders: readonly Loader[]): Promise<void> {
  const areReady = () => loaders.every(({ lines }) => lines.includes('ready'))
  await waitUntil(areReady, { what: 'processes', timeoutMs: waitMs })
  for (const { child } of loaders) child.stdin?.write('go\n')
}

function answersOf({ lines }: Loader): unknown[] | undefined {
  const last = lines.find((line) => line.startsWith('['))
  return last === undefined ? undefined : JSON.parse(last)
}

it('1,000 misses at once in 4 processes run the loader once', async () => {
  await using servers = await startServers(1)
  const loaders = Array.from({ length: 4 }, () => startLoader(servers, { KEY: 'all', CALLERS: '250', LOAD_MS: '100' }))
  try {
    await go(loaders)
    await waitUntil(() => loaders.every(answersOf), { what: 'answers', timeoutMs: waitMs })
    const loads = loaders.flatMap(({ lines }) => lines.filter((line) => line === 'loading'))
    assert.equal(loads.length, 1)
    const answers = loaders.flatMap((loader) => answersOf(loader) ?? [])
    assert.equal(answers.length, 1000)
    assert.equal(new Set(answers).size, 1)
  } finally {
    for (const { child } of loaders) child.kill('SIGKILL')
  }
})

it('when the loader is killed in the middle, one other takes over', async () => {
  await using servers = await startServers(1)
  await using cache = await openOver(servers)
  const dying = startLoader(servers, { KEY: 'killed', LOAD_MS: '60000' })
  const others = Array.from({ length: 3 }, () => startLoader(servers, { KEY: 'killed', CALLERS: '20', LOAD_MS: '50' }))
  try {
    await go([dying])
    await waitUntil(() => dying.lines.includes('loading'), { what: 'the first load', timeoutMs: waitMs })
    await go(others)
    await waitUntil(async () => (await cache.claim('killed', { leaseMs: 1 })).outcome === 'wait', {
      what: 'the lease',
      timeoutMs: waitMs,
    })
    dying.child.kill('SIGKILL')
    await waitUntil(() => others.every(answersOf), { what: 'answers', timeoutMs: waitMs })
    const loads = others.flatMap(({ lines }) => lines.filter((line) => line === 'loading'))
    assert.equal(loads.length, 1)
    assert.equal(new Set(others.flatMap((loader) => answersOf(loader) ?? [])).size, 1)
  } finally {
    for (const { child } of [dying, ...others]) child.kill('SIGKILL')
  }
})

it('a loader that takes longer than a lease keeps it, one that fails hands it on, and without Redis each loads alone', async () => {
  await using servers = await startServers(1)
  await using cache = await openOver(servers)
  await using other = await openOver(servers)
  let loads = 0
  const slow = async () => {
    loads++
    await new Promise((resolve) => setTimeout(resolve, 2600))
    return { kept: keptOf('slow'), keepMs: 60_000 }
  }
  const both = await Promise.all([cache, other].map((engine) => loadOnce(engine, 'slow', slow)))
  assert.deepEqual([loads, ...both.map((kept) => kept?.value)], [1, 'slow', 'slow'])
  await assert.rejects(
    loadOnce(cache, 'failing', async () => {
      throw new Error('the origin is down')
    }),
    /the origin is down/,
  )
  const good = async () => ({ kept: keptOf('good'), keepMs: 60_000 })
  assert.equal((await loadOnce(other, 'failing', good))?.value, 'good')
  assert.equal((await loadOnce(other, 'failing', good, { isRefresh: true }))?.value, 'good')
  const nothing = async () => ({ kept: keptOf(undefined), keepMs: 0 })
  assert.equal((await loadOnce(other, 'gone', good))?.value, 'good')
  assert.equal((await loadOnce(other, 'gone', nothing, { isRefresh: true }))?.value, undefined)
  assert.equal(await other.get('gone'), undefined, 'what the origin has no more is not kept')
  await other.set('stale', { ...keptOf('stale'), freshUntil: Date.now() - 1 }, 60_000)
  assert.equal((await loadOnce(other, 'stale', good))?.value, 'good', 'what is stale is loaded')
  await servers[0]?.kill()
  assert.equal((await loadOnce(cache, 'alone', good))?.value, 'good')
})

it('a lease is held on to though one extension was not answered, but not when it is lost', async () => {
  await using servers = await startServers(1)
  await using cache = await openOver(servers)
  let asked = 0
  const unheard: typeof cache.extend = async (lease, ms) => (++asked === 1 ? false : cache.extend(lease, ms))
  const slow = async () => {
    await new Promise((resolve) => setTimeout(resolve, 2600))
    return { kept: keptOf('slow'), keepMs: 60_000 }
  }
  const lost = async () => {
    await cache.set('lost', keptOf('newer'), 60_000)
    return slow()
  }
  await Promise.all([loadOnce({ ...cache, extend: unheard }, 'slow', slow), loadOnce(cache, 'lost', lost)])
  assert.ok(asked > 1)
  assert.equal((await cache.get('slow'))?.value, 'slow')
  assert.equal((await cache.get('lost'))?.value, 'newer')
})
