// The map: what is true now. The supervisor writes it; every process reads the same file and keeps its own copy.
//
// A stale map is always safe: it only costs a detour, because the engines fence (a deposed primary refuses writes).
// Whoever meets a fence reads the map again.

import type { Topology } from '../topology/schema.ts'

export type Durability = Topology['database']['durability']

export type Role = 'front' | 'web' | 'worker' | 'postgres' | 'redis' | 'nats'
/** Whether it is a process of ours, which can be asked and told (processes/door). */
export function hasDoor(role: Role): boolean {
  return role !== 'postgres' && role !== 'redis' && role !== 'nats'
}

/** The roles that have as many processes as their load asks for. */
export type ScaledRole = 'web' | 'worker'

export type NodeState = 'starting' | 'ready' | 'draining' | 'down'

/** One process with a role. */
export interface MapNode {
  /** `<region>/<role>-<number>`, the number being the lowest that was free. */
  id: string
  role: Role
  region: string
  /** The machine, or the loopback address that stands for one: `<region>/host-<number>`. */
  host: string
  address: string
  port: number
  pid: number | null
  state: NodeState
  /** When it entered `state`, ISO 8601. */
  since: string
  /** How often it was started again after it died. */
  restarts: number
  /** Accepts on the public address. */
  entry: boolean
  /** Of a program of the user's: the database node that its environment names. */
  primary?: string
  /**
   * What it has read of the topology at its start: a front (topology/front-settings.ts), a web or worker process
   * (web-settings.ts). Of a redis node: what it is configured to be (cache-settings.ts).
   */
  settings?: string
  /** Of a redis or nats node in a cluster: where the nodes of the cluster talk to each other. */
  busPort?: number
  /** Of a nats node in a cluster: where those talk that founded it with this one, `address:port`; its own is among them. */
  peers?: string[]
  /** Of a redis node in a cluster: the node whose replica it began as. Who is primary now the cluster decides. */
  standsBy?: string
  /** Of a postgres node. */
  shard?: string
  database?: 'primary' | 'replica'
  /** Its data went another way than the primary's: it is not started, but cloned anew. */
  diverged?: boolean
  /**
   * Where the timeline began that took its place as primary, and the durability that held until then: what it wrote
   * behind that is on no other node.
   */
  deposed?: { timeline: number; start: string; firstXid: string; durability: Durability }
  /**
   * It is about to be promoted, or was, and will then wait for this quorum (null: for nobody). As long as the map does not
   * name it primary, nobody writes to it; when another is named, its data went another way.
   */
  candidate?: { quorum: Quorum | null }
  /** What was done to a replica on purpose: it shows changes late, or gets none. */
  fault?: 'slow' | 'cut'
  dataDir?: string
}

export interface MapShard {
  id: string
  /** Slots that it owns, ascending. */
  slots: number[]
  primary: string
  replicas: string[]
  timeline: number
  /** Where the timeline begins in the write-ahead log, `0/3000148`: what was acknowledged on earlier ones lies below. */
  timelineStart: string
  durability: Durability
  /**
   * Whose word commits wait for; none: nobody's. Two while that changes, since either may hold: a replica is promoted
   * only when every one of them says that it has all that was acknowledged.
   */
  quorums: Quorum[]
}

/** A commit counts when `count` of the replicas `names` (node ids) have it on disk. */
export interface Quorum {
  count: number
  names: string[]
}

/** The shared cache, as processes that start now use it. */
export interface MapCache {
  layout: Topology['cache']['layout']
  /** Ids of its nodes, in a cluster those of its replicas too. */
  nodes: string[]
  /** Those of them where an older process, which knows another cache, changed nothing: cleared when the last such one is gone. */
  mixed?: string[]
}

/** The brokers that have jobs beside the database. */
export interface MapQueue {
  /** Ids of the nodes that processes use that start now; empty: they use the database alone. */
  nodes: string[]
  /** Those of earlier processes, each queue by itself: emptied when the last such process is gone. */
  left?: string[][]
}

export interface MapRegion {
  id: string
  healthy: boolean
  weight: number
}

export interface SystemMap {
  /** Grows by one with every change. */
  version: number
  /** Random name of this system, made once. */
  system: string
  /** The rung that was reached last; a climb changes it when it has arrived. */
  rung: number
  /** The topology that `nodes` has reached, or is being brought to. */
  topology: Topology
  /** Directory that the topology's paths are relative to. */
  appDir: string
  /** The public address. */
  entry: { address: string; port: number }
  portBase: number
  /** Every address of 127.0.0.0/8 can be used, so that each host has its own; else hosts differ in ports only. */
  hasHostAddresses: boolean
  nodes: MapNode[]
  shards: MapShard[]
  /** Absent while there is no shared cache. */
  cache?: MapCache
  /** Absent while all jobs lie in the database. */
  queue?: MapQueue
  /** From where sessions are read; absent: the database. */
  sessions?: 'database' | 'shared'
  /** How many processes the load asks for, where the topology lets it ask (`web.max`, `worker.max`); absent: nothing was asked for yet. */
  scale?: { web?: number; worker?: number }
  regions: MapRegion[]
  /** Grows when migrations changed tables while the system ran: routers then read again which of them are sharded. */
  schemaVersion?: number
  /** Grows when a new key signs cookies: processes then read the secrets again. */
  cookieKeysVersion?: number
}

/** The public address for TLS. */
export function tlsEntryOf({ entry, portBase }: Pick<SystemMap, 'entry' | 'portBase'>): {
  address: string
  port: number
} {
  return { address: entry.address, port: portBase + tlsPortOffset }
}

/** The shared cache's nodes as a process reads them at its start, each in one word (topology/web-settings.ts). */
export function cacheNodesOf({ nodes, cache }: Pick<SystemMap, 'nodes' | 'cache'>): string[] {
  return nodes
    .filter(({ id }) => cache?.nodes.includes(id))
    .map(({ address, port }) => `${cache?.layout} ${address}:${port}`)
}

/** The brokers of the queue, as a process reads them at its start. */
export function queueNodesOf({ nodes, queue }: Pick<SystemMap, 'nodes' | 'queue'>): string[] {
  return nodes.filter(({ id }) => queue?.nodes.includes(id)).map(({ address, port }) => `nats ${address}:${port}`)
}

/** Everything in it that a process reads at its start (topology/web-settings.ts). */
export function sharedNodesOf(map: Pick<SystemMap, 'nodes' | 'cache' | 'queue'>): string[] {
  return [...cacheNodesOf(map), ...queueNodesOf(map)]
}

/** Offset of the public TLS port from the port base: 8443 where that is 8000. */
export const tlsPortOffset = 443

/** As it begins: a primary alone, whose log nobody has read from yet. */
export function newShard(shard: Pick<MapShard, 'id' | 'slots' | 'primary'>, timeline = 1): MapShard {
  return { ...shard, replicas: [], timeline, timelineStart: '0/0', durability: 'single', quorums: [] }
}

export function nodeOf(map: SystemMap, id: string): MapNode | undefined {
  return map.nodes.find((node) => node.id === id)
}

export function nodesOf(map: SystemMap, role: Role): MapNode[] {
  return map.nodes.filter((node) => node.role === role)
}
