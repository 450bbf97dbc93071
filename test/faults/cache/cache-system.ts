// What the tests of the shared cache do with a running sample: people log in and are asked for, nodes are found and wiped.

import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StatusNode } from '../../../src/control/api.ts'
import { nodeOf, type SystemMap } from '../../../src/map/map.ts'
import { RedisAdmin } from '../../../src/programs/redis/admin.ts'
import { Histogram } from '../../../src/tour/load/histogram.ts'
import type { LoadRecord } from '../../../src/tour/load/record.ts'
import type { RunningSystem } from '../../running-system.ts'

const atOnce = 20
const latencySecondsShown = 6

export type RunningNode = StatusNode & { pid: number }

export async function nodesOf(system: RunningSystem, role: StatusNode['role']): Promise<RunningNode[]> {
  const { nodes } = await system.status()
  return nodes.flatMap((node) => (node.role === role && node.pid !== null ? [{ ...node, pid: node.pid }] : []))
}

/** The cookies of so many people. */
export async function logInPeople(system: RunningSystem, count: number): Promise<string[]> {
  return inParts(
    Array.from({ length: count }, (_, i) => `Person ${i}`),
    async (name) => {
      const response = await fetch(`${system.appUrl}/api/signup`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name }),
      })
      assert.equal(response.status, 201)
      const cookie = response.headers.getSetCookie().find((text) => text.startsWith('tenfold.sid='))
      return String(cookie?.split(';')[0])
    },
  )
}

export async function allAreLoggedIn(system: RunningSystem, cookies: readonly string[]): Promise<void> {
  const statuses = await inParts(cookies, async (cookie) => {
    const response = await fetch(`${system.appUrl}/api/me`, { headers: { cookie } })
    await response.body?.cancel()
    return response.status
  })
  assert.deepEqual(
    statuses.filter((status) => status !== 200),
    [],
    'somebody was logged out',
  )
}

/** 99 of 100 requests by the second that they were due in: the one before, and those after. */
export function describeLatency({ seconds }: Pick<LoadRecord, 'seconds'>, atMs: number): string {
  const near = seconds.filter((second) => second.atMs > atMs - 2000 && second.atMs < atMs + latencySecondsShown * 1000)
  const p99s = near.map(({ latency }) => {
    const histogram = new Histogram()
    histogram.add(latency)
    return Math.round(histogram.quantileMs(0.99))
  })
  return `p99 of the second before, and on: ${p99s.join(', ')} ms`
}

/** Everything in it is gone, as if it had been started anew. */
export async function wipeCache(system: RunningSystem, node: RunningNode): Promise<void> {
  using admin = await adminOf(system, node)
  await admin.command('FLUSHALL')
}

/** A node of a cluster does not know at its next start that it ever was in one. */
export async function forgetItself(system: RunningSystem, { id }: RunningNode): Promise<void> {
  const map = JSON.parse(await readFile(join(system.dir, 'map.json'), 'utf8')) as SystemMap
  await rm(join(String(nodeOf(map, id)?.dataDir), 'nodes.conf'))
}

/** `master` or `slave`, as Redis says it. */
export async function roleOf(system: RunningSystem, node: RunningNode): Promise<string | undefined> {
  using admin = await adminOf(system, node)
  return (await admin.info('replication')).get('role')
}

async function adminOf(system: RunningSystem, { address, port }: RunningNode): Promise<RedisAdmin> {
  const { redis } = JSON.parse(await readFile(join(system.dir, 'secrets.json'), 'utf8'))
  return RedisAdmin.connect({ address, port, secrets: redis })
}

async function inParts<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let from = 0; from < items.length; from += atOnce)
    results.push(...(await Promise.all(items.slice(from, from + atOnce).map(work))))
  return results
}
