// Plans for tests: written in short, and carried out on a map as if all went well.

import assert from 'node:assert/strict'
import { cacheNodesOf, type MapNode, newShard, type SystemMap, sharedNodesOf } from '../map/map.ts'
import { cacheSettingsOf } from '../topology/cache-settings.ts'
import { frontSettingsOf } from '../topology/front-settings.ts'
import { resolveTopology } from '../topology/topology.ts'
import { webSettingsOf } from '../topology/web-settings.ts'
import { plan } from './plan.ts'
import type { NodeSpec, Step } from './step.ts'

export const start: SystemMap = {
  version: 1,
  system: 'test',
  rung: 0,
  topology: resolveTopology({}),
  appDir: '/app',
  entry: { address: '127.0.0.1', port: 8080 },
  portBase: 8000,
  hasHostAddresses: true,
  nodes: [],
  shards: [],
  regions: [{ id: 'us-east', healthy: true, weight: 1 }],
}

/** Nobody uses a node that is not there, and sessions are read from a cache that everybody knows. */
export function assertCacheIsSound(map: SystemMap): void {
  const ids = map.nodes.map(({ id }) => id)
  for (const id of map.cache?.nodes ?? []) assert.ok(ids.includes(id), `${id} is used and gone`)
  const addresses = map.nodes.filter(({ role }) => role === 'redis').map(({ address, port }) => `${address}:${port}`)
  const webs = map.nodes.filter(({ role }) => role === 'web')
  for (const { settings = '' } of webs)
    for (const [, address] of settings.matchAll(/"ring ([^"]+)"/g))
      assert.ok(addresses.includes(String(address)), `a process uses ${address}, which is gone`)
  if (map.sessions !== 'shared') return
  assert.ok(map.cache)
  for (const { settings = '' } of webs)
    assert.deepEqual(
      [...settings.matchAll(/"((?:ring|cluster) [^"]+)"/g)].map(([, word]) => word),
      cacheNodesOf(map).toSorted(),
      'sessions are read from a cache that somebody does not know',
    )
}

/** Whoever uses a broker finds it, and none goes that has something. */
export function assertQueueIsSound(map: SystemMap): void {
  const ids = map.nodes.map(({ id }) => id)
  const { nodes = [], left = [] } = map.queue ?? {}
  for (const id of [...nodes, ...left.flat()]) assert.ok(ids.includes(id), `${id} has jobs and is gone`)
  const addresses = map.nodes.filter(({ role }) => role === 'nats').map(({ address, port }) => `${address}:${port}`)
  for (const { settings = '' } of map.nodes)
    for (const [, address] of settings.matchAll(/"nats ([^"]+)"/g))
      assert.ok(addresses.includes(String(address)), `a process uses ${address}, which is gone`)
}

export function kindsTo(map: SystemMap, rung: number): string[] {
  return describe(plan(map, resolveTopology({ rung })))
}

export function describe(steps: Step[]): string[] {
  return steps.map((step) => {
    if (step.kind === 'switch-primary') return `${step.kind} ${step.to}`
    if (step.kind === 'set-durability') return `${step.kind} ${step.durability}`
    if (step.kind === 'move-sessions') return `${step.kind} ${step.to}`
    if (step.kind === 'use-cache') return `${step.kind} ${step.cache?.nodes.length ?? 0}`
    if (step.kind === 'clear-cache' || step.kind === 'empty-broker') return `${step.kind} ${step.nodes}`
    if (step.kind === 'use-queue') return `${step.kind} ${step.queue.nodes.length}`
    if (!('node' in step)) return step.kind
    return `${step.kind} ${typeof step.node === 'string' ? step.node : step.node.id}`
  })
}

export function reach(map: SystemMap, ...way: number[]): SystemMap {
  return way.reduce((at, rung) => reachTopology(at, resolveTopology({ rung })), map)
}

export function reachTopology(map: SystemMap, topology: SystemMap['topology']): SystemMap {
  return plan(map, topology).reduce(carryOut, map)
}

/** What a step does to the map when all goes well. */
export function carryOut(before: SystemMap, step: Step): SystemMap {
  const map = structuredClone(before)
  const add = (spec: NodeSpec, more: Partial<MapNode> = {}) =>
    map.nodes.push({ ...spec, pid: 1, state: 'ready', since: '', restarts: 0, ...more })
  switch (step.kind) {
    case 'set-topology':
      map.topology = step.topology
      break
    case 'create-database':
      add(step.node, { database: 'primary', shard: step.shard })
      map.shards.push(newShard({ id: step.shard, slots: step.slots, primary: step.node.id }))
      break
    case 'clone-database':
      if (map.nodes.some(({ id }) => id === step.node.id)) break
      add(step.node, { database: 'replica', shard: step.shard })
      map.shards[0]?.replicas.push(step.node.id)
      break
    case 'switch-primary':
      for (const shard of map.shards) {
        shard.primary = step.to
        shard.replicas = [...shard.replicas.filter((id) => id !== step.to), step.from]
      }
      for (const node of map.nodes) {
        if (node.id === step.to) node.database = 'primary'
        if (node.id === step.from) node.database = 'replica'
      }
      break
    case 'set-durability':
      for (const shard of map.shards) shard.durability = step.durability
      break
    case 'set-scale':
      map.scale = { web: Number(step.web) }
      break
    case 'start-node':
      if (!map.nodes.some(({ id }) => id === step.node.id))
        add(step.node, step.node.role === 'nats' ? {} : { settings: settingsOf(map, step.node.role) })
      break
    case 'tune-cache':
      for (const node of map.nodes) if (node.id === step.node) node.settings = cacheSettingsOf(map.topology)
      break
    case 'use-cache':
      if (step.cache) map.cache = step.cache
      else delete map.cache
      break
    case 'use-queue':
      map.queue = step.queue
      break
    case 'empty-broker': {
      const left = map.queue?.left?.filter((queue) => !queue.some((id) => step.nodes.includes(id))) ?? []
      map.queue = { nodes: map.queue?.nodes ?? [], ...(left.length > 0 && { left }) }
      break
    }
    case 'clear-cache':
      if (map.cache) delete map.cache.mixed
      break
    case 'move-sessions':
      map.sessions = step.to
      break
    case 'leave-entry':
      for (const node of map.nodes) if (node.id === step.node) node.entry = false
      break
    case 'remove-database':
      for (const shard of map.shards) shard.replicas = shard.replicas.filter((id) => id !== step.node)
      map.nodes = map.nodes.filter((node) => node.id !== step.node)
      break
    case 'stop-node':
      map.nodes = map.nodes.filter((node) => node.id !== step.node)
      break
    case 'reach-rung':
      map.rung = step.rung
  }
  return map
}

function settingsOf(map: SystemMap, role: MapNode['role']): string {
  if (role === 'front') return frontSettingsOf(map.topology)
  return role === 'redis' ? cacheSettingsOf(map.topology) : webSettingsOf(map.topology, sharedNodesOf(map))
}
